use std::{io, os::fd::AsFd, process::Command};

use adit_varlink::{Client, Limits};
use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use crate::{
    raw::{Raw, eventually, message},
    store::{Service, Swap, Wait, impatient, read_all, router},
};

#[test]
fn fds_on_an_unfinished_message_close_the_connection_and_stay_nowhere() {
    let service = Service::start();
    // All at once, and few enough at a time to fit.
    for flood in [253, 16, 9] {
        let mut client = service.raw();
        let (reader, writer) = io::pipe().unwrap();
        let fds = vec![writer.as_fd(); flood];
        let refused = (0..200).any(|_| client.send_with_fds("x", &fds).is_err());
        assert!(refused || client.receive().is_none());
        drop(writer);
        // Ends only when the service holds none of them.
        assert_eq!(read_all(reader), "");
        service.assert_alive();
    }
}

#[test]
fn fds_for_a_method_that_takes_none_are_closed() {
    let service = Service::start();
    let mut client = service.raw();
    let (reader, writer) = io::pipe().unwrap();
    client.send_with_fds(&message("Find", r#"{"length":1}"#), &[writer.as_fd(); 16]).unwrap();
    assert!(client.receive().is_some());

    // One more than is allowed, and more than the kernel has room to deliver.
    for too_many in [17, 253] {
        let (mut client, fds) = (service.raw(), vec![writer.as_fd(); too_many]);
        client.send_with_fds(&message("Find", r#"{"length":1}"#), &fds).unwrap();
        assert_eq!(client.receive(), None);
    }
    drop(writer);
    assert_eq!(read_all(reader), "");
}

#[test]
fn one_user_has_so_many_connections_and_gets_them_back() {
    let service = Service::start_with(router(), |listener| listener.connections_per_uid(8));
    let mut clients: Vec<_> = (0..8).map(|_| service.raw()).collect();
    assert!(clients.iter_mut().all(Raw::is_served));
    assert!(!(0..100).any(|_| service.raw().is_served()));
    assert!(clients[0].is_served());
    clients.pop();
    // The seat is free once the service has noticed.
    assert!(eventually(|| service.raw().is_served()));
}

#[test]
fn running_out_of_fds_does_not_end_the_service() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "attacks::in_a_process_with_few_fds"])
        .status();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "lowers the limits of its process: run by running_out_of_fds_does_not_end_the_service"]
fn in_a_process_with_few_fds() {
    let service = Service::start_with(router(), |listener| listener.connections_per_uid(1000));
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    let clients: Vec<_> = std::iter::from_fn(|| Raw::try_connect(&service.path).ok()).collect();
    // Each took a file descriptor at either end, until there were none to accept with.
    assert!(clients.len() > 8);
    drop(clients);
    assert!(eventually(|| Raw::try_connect(&service.path).is_ok_and(|mut raw| raw.is_served())));
}

#[test]
fn a_message_without_end_is_cut_off() {
    let service = Service::start();
    let mut client = service.raw();
    client.send(r#"{"method":""#);
    let megabyte = vec![b'x'; 1 << 20];
    let sent = (0..120).take_while(|_| client.try_send(&megabyte).is_ok()).count();
    // The limit, and what fits into the socket.
    assert!(sent <= 2, "{sent} MiB were taken");
    service.assert_alive();
}

#[test]
fn a_message_that_is_never_finished_does_not_hold_a_connection() {
    let service = Service::start_with(router().with_limits(impatient()), |listener| listener);
    let (mut idle, mut slow) = (service.raw(), service.raw());
    // One whole message, and the beginning of another right behind it.
    slow.send(&(message("Mark", "{}") + "{"));
    assert!(slow.receive().is_some());
    assert_eq!(slow.receive(), None);
    // Who says nothing at all may stay.
    assert!(idle.is_served());
}

#[test]
fn deep_nesting_is_refused() {
    let service = Service::start();
    let deep = "[".repeat(100_000);
    let mut client = service.raw();
    let parameters = format!(r#"{{"rules":[],"free":{deep}{}}}"#, "]".repeat(100_000));
    let reply = client.call("Save", &parameters);
    assert_eq!(reply["error"], "org.varlink.service.InvalidParameter");
    assert_eq!(reply["parameters"]["message"], "recursion limit exceeded");

    client.send(&message("Save", &deep));
    assert_eq!(client.receive(), None);
    service.assert_alive();
}

#[test]
fn a_subscriber_that_does_not_read_is_dropped_alone() {
    let service = Service::start_with(router().with_limits(impatient()), |listener| listener);
    let mut client = service.raw();
    client.send("{\"method\":\"org.example.Store.Flood\",\"more\":true}\0");
    service.wait_for_running(1);
    service.assert_alive();
    service.wait_for_running(0);
    service.assert_alive();
}

#[test]
fn a_call_ends_with_its_client() {
    let service = Service::start();
    let mut client = service.raw();
    client.send(&message("Wait", "{}"));
    service.wait_for_running(1);
    // What is pipelined behind the call must not hide that the client left.
    for _ in 0..100 {
        client.send(&message("Wait", "{}"));
    }
    drop(client);
    service.wait_for_running(0);
    service.assert_alive();
}

#[test]
fn a_client_that_only_shut_down_writing_gets_its_answers() {
    let service = Service::start();
    let mut client = service.raw();
    client.send(&[message("Mark", "{}"), message("Find", r#"{"length":1}"#)].concat());
    client.shut_down_writing();
    assert_eq!(client.receive(), Some(json!({"parameters": {}})));
    assert_eq!(client.receive(), Some(json!({"parameters": {"text": "x"}})));
    assert_eq!(client.receive(), None);

    let mut client = service.raw();
    client.send(&message("Wait", "{}"));
    client.shut_down_writing();
    service.wait_for_running(1);
    drop(client);
    service.wait_for_running(0);
}

#[test]
fn a_slow_call_delays_nobody_else() {
    let service = Service::start();
    let mut slow = service.raw();
    slow.send(&message("Wait", "{}"));
    service.wait_for_running(1);
    service.assert_alive();
    service.wait_for_running(1);
}

#[test]
fn what_is_not_a_call_closes_the_connection() {
    let service = Service::start();
    for garbage in
        ["\0", "{}\0", "[1]\0", "{\"method\":7}\0", "\u{1}\u{2}\0", "{\"method\":\"a\"} x\0"]
    {
        let mut client = service.raw();
        client.send(garbage);
        assert_eq!(client.receive(), None, "{garbage:?}");
    }
    service.assert_alive();
}

#[test]
fn any_bytes_leave_the_service_alive() {
    let service = Service::start();
    let bytes = vec(prop_oneof![Just(0), any::<u8>()], 0..2000);
    let mut runner = TestRunner::new(Config::with_cases(100));
    let result = runner.run(&bytes, |bytes| {
        let mut client = service.raw();
        let _ = client.try_send(&bytes);
        client.shut_down_writing();
        while client.receive().is_some() {}
        Ok(())
    });
    result.unwrap();
    service.assert_alive();
}

#[test]
fn pipelined_calls_keep_their_order_and_their_fds() {
    let service = Service::start();
    let lengths = prop_oneof![Just(1_usize), Just(3000), Just(20_000)];
    let calls = vec((any::<bool>(), lengths, any::<Index>()), 1..=12);
    let mut runner = TestRunner::new(Config::with_cases(200));
    let result = runner.run(&calls, |calls| {
        let mut client = service.raw();
        let mut expected = Vec::new();
        let mut unsent = String::new();
        for (with_fd, length, cut) in calls {
            let text = "x".repeat(length);
            if with_fd {
                let (reader, writer) = io::pipe().unwrap();
                let call = message("Swap", &json!({ "text": text }).to_string());
                // The first part of the call goes out with the calls before it.
                let (head, tail) = call.split_at(cut.index(call.len()));
                client.send(&(unsent + head));
                unsent = String::new();
                client.send_with_fds(tail, &[writer.as_fd()]).unwrap();
                expected.push((json!({"close_on_exec": true}), Some((reader, text))));
            } else {
                unsent += &message("Find", &json!({ "length": length }).to_string());
                expected.push((json!({ "text": text }), None));
            }
        }
        client.send(&unsent);
        for (parameters, pipe) in expected {
            prop_assert_eq!(client.receive(), Some(json!({ "parameters": parameters })));
            if let Some((reader, text)) = pipe {
                prop_assert_eq!(read_all(reader), text);
            }
        }
        Ok(())
    });
    result.unwrap();
}

#[test]
fn a_client_guards_itself_against_its_service() {
    let service = Service::start();
    let limits = Limits { message: 1000, fds: 0, ..Limits::default() };
    service.run(async {
        let connect = async || Client::connect(&service.path).await.unwrap().with_limits(limits);

        let long = connect().await.call(&crate::store::Find { length: 2000 }).await.unwrap_err();
        assert_eq!(long.to_string(), "a message is longer than 1000 bytes");

        // The call itself is refused before anything is written, so the connection stays usable.
        let (_reader, writer) = io::pipe().unwrap();
        let mut client = connect().await;
        let call = Swap { text: "x".into() };
        let fds = client.call_with_fds(&call, &[writer.as_fd()]).await.err().unwrap();
        assert_eq!(fds.to_string(), "a message carries more than 0 file descriptors");
        client.call(&crate::store::Mark {}).await.unwrap();

        let mut client = connect().await;
        let given_up = tokio::time::timeout(impatient().write, client.call(&Wait {})).await;
        assert!(given_up.is_err());
        let after = client.call(&crate::store::Mark {}).await.unwrap_err();
        assert_eq!(
            after.to_string(),
            "an earlier call on this connection failed or was given up; connect again"
        );
    });
}
