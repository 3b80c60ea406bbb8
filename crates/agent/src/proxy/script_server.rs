//! Answers programs of this computer that ask for the script: not all of them read one from a file.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// More of a request than this is not read: every request gets the same answer.
const MOST_READ: usize = 4096;

/// Listens on the loopback interface until it is dropped.
#[derive(Debug)]
pub(super) struct ScriptServer {
    port: u16,
    task: JoinHandle<()>,
}

impl ScriptServer {
    pub(super) async fn start(script: String) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                if let Err(error) = answer(stream, &script).await {
                    tracing::debug!("A program did not take the proxy script: {error}");
                }
            }
        });
        Ok(Self { port, task })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/proxy.pac", self.port)
    }
}

impl Drop for ScriptServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, script: &str) -> io::Result<()> {
    if stream.read(&mut [0; MOST_READ]).await? == 0 {
        return Ok(());
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ns-proxy-autoconfig\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        script.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(script.as_bytes()).await?;
    stream.shutdown().await
}
