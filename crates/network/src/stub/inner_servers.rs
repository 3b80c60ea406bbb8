//! Asking a tunnel's servers through the tunnel, whatever way they want to be asked.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use adit_model::{DnsProtocol, HealthCode, HealthItem, Severity, dns_post_url};
use tokio::sync::Notify;

use super::{
    Question, Way,
    encrypted::{AskError, EncryptedServers},
    forward,
};
use crate::{dns::StubPlan, health, network::UnderlyingNames};

/// The servers, and how they fare.
#[derive(Debug)]
pub(crate) struct InnerServers {
    asked: Asked,
    /// What people know them by.
    name: String,
    record: Mutex<Record>,
    news: Arc<Notify>,
}

#[derive(Debug)]
enum Asked {
    Plain(Vec<IpAddr>),
    Encrypted(EncryptedServers),
}

/// What came of the last questions.
#[derive(Debug, Default)]
struct Record {
    failures: u32,
    reason: String,
}

/// One question may be lost on the way.
const FAILURES_TO_TELL: u32 = 2;

impl InnerServers {
    /// Asks as planned through the interface of a tunnel. `news` is told whenever [`health`](Self::health)
    /// has changed.
    pub(crate) fn new(
        plan: &StubPlan,
        interface: &str,
        names: &UnderlyingNames,
        news: &Arc<Notify>,
    ) -> Result<Self, String> {
        let StubPlan { servers, protocol, address: _ } = plan;
        let (asked, name) = match protocol {
            DnsProtocol::Cleartext => (Asked::Plain(servers.clone()), "the VPN’s servers".into()),
            DnsProtocol::Tls { server_name } => {
                let encrypted = EncryptedServers::tls(server_name, servers, interface, names);
                (Asked::Encrypted(encrypted), server_name.clone())
            }
            DnsProtocol::Https { server_url } => {
                let url = dns_post_url(server_url)
                    .ok_or_else(|| format!("nobody can be asked at {server_url}"))?;
                let encrypted = EncryptedServers::https(&url, servers, interface, names);
                (Asked::Encrypted(encrypted), server_url.clone())
            }
        };
        Ok(Self { asked, name, record: Mutex::default(), news: Arc::clone(news) })
    }

    /// What the servers say, or that they say nothing (SERVFAIL). Nobody else is asked.
    pub(crate) async fn answer(&self, question: &Question) -> Option<Vec<u8>> {
        match self.ask(question).await {
            Ok(answer) => {
                self.note(None);
                Some(question.fitting(answer))
            }
            Err(error) => {
                tracing::debug!(%error, "a DNS server does not answer");
                self.note(Some(&error));
                question.failure()
            }
        }
    }

    /// What a person should know about the servers.
    pub(crate) fn health(&self) -> Option<HealthItem> {
        let record = self.record();
        (record.failures >= FAILURES_TO_TELL).then(|| {
            health::item(
                HealthCode::DnsUnanswered,
                Severity::Problem,
                "Names cannot be looked up",
                format!(
                    "The VPN’s DNS server {} is not reached through the tunnel: {}. Nobody else is \
                     asked in its place.",
                    self.name, record.reason
                ),
                "Check the DNS settings of the VPN, or ask whoever runs that server.",
            )
            .with("server", &self.name)
            .with("reason", &record.reason)
        })
    }

    async fn ask(&self, question: &Question) -> Result<Vec<u8>, AskError> {
        match &self.asked {
            Asked::Plain(servers) => {
                let answer = forward(question, servers, Way::ByRoutes).await;
                answer.ok_or(AskError::TimedOut)
            }
            Asked::Encrypted(servers) => servers.ask(&question.message).await,
        }
    }

    fn note(&self, failure: Option<&AskError>) {
        let mut record = self.record();
        let was_told = record.failures >= FAILURES_TO_TELL;
        match failure {
            None => *record = Record::default(),
            Some(error) => {
                record.failures = record.failures.saturating_add(1);
                // The first reason stays, so that health does not change with each question.
                if record.failures <= FAILURES_TO_TELL {
                    record.reason = error.to_string();
                }
            }
        }
        let is_told = record.failures >= FAILURES_TO_TELL;
        drop(record);
        if is_told != was_told {
            self.news.notify_one();
        }
    }

    /// The record is whole after every statement, so a panic elsewhere does not spoil it.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
