//! Asking a tunnel's servers through the tunnel, whatever way they want to be asked.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use adit_model::{HealthCode, HealthItem, Severity};
use tokio::{sync::Notify, time::timeout};

use super::{
    LIMIT, Question, Way,
    encrypted::{AskError, EncryptedServers},
    forward, is_failure,
};
use crate::{Tunnel, dns::StubPlan, health, network::UnderlyingNames};

/// The servers, and how they fare.
#[derive(Debug)]
pub(crate) struct InnerServers {
    asked: Asked,
    /// Who may answer when they fail.
    others: Option<UnderlyingNames>,
    /// What people know them by.
    name: String,
    record: Mutex<Record>,
    news: Arc<Notify>,
}

#[derive(Debug)]
enum Asked {
    /// Which way.
    Plain(Vec<IpAddr>, Way),
    Encrypted(EncryptedServers),
}

/// What came of the last questions.
#[derive(Debug, Default)]
struct Record {
    failures: u32,
    reason: String,
}

/// Others have to be asked in time too: programs ask again after 5 seconds.
const LIMIT_BEFORE_OTHERS: Duration = Duration::from_secs(2);
/// One question may be lost on the way.
const FAILURES_TO_TELL: u32 = 2;

impl InnerServers {
    /// Asks as planned through the interface of a tunnel. `news` is told whenever [`health`](Self::health)
    /// has changed.
    pub(crate) fn new(
        plan: &StubPlan,
        tunnel: &Tunnel,
        names: &UnderlyingNames,
        news: &Arc<Notify>,
    ) -> Result<Self, String> {
        let StubPlan { servers, protocol, failover, inside, address: _ } = plan;
        let way = NonZeroU32::new(tunnel.index).filter(|_| *inside);
        let way = way.map_or(Way::ByRoutes, Way::Through);
        let encrypted = EncryptedServers::of(protocol, servers, &tunnel.interface, names)?;
        let asked = encrypted.map_or_else(|| Asked::Plain(servers.clone(), way), Asked::Encrypted);
        let name = plan.asked();
        let others = failover.then(|| names.clone());
        Ok(Self { asked, others, name, record: Mutex::default(), news: Arc::clone(news) })
    }

    /// What the servers say, or that they say nothing (SERVFAIL). Nobody else is asked, unless the
    /// settings allow it.
    pub(crate) async fn answer(&self, question: &Question) -> Option<Vec<u8>> {
        let Some(others) = &self.others else {
            let answer = self.ask_and_note(question, LIMIT).await;
            return answer.or_else(|| question.failure());
        };
        let inside = self.ask_and_note(question, LIMIT_BEFORE_OTHERS).await;
        if let Some(answer) = inside.as_ref().filter(|answer| !is_failure(answer)) {
            return Some(answer.clone());
        }
        let outside = match others.open_servers().await {
            Some((link, servers)) => forward(question, &servers, Way::Outside(link)).await,
            None => None,
        };
        outside.or(inside).or_else(|| question.failure())
    }

    /// What a person should know about the servers.
    pub(crate) fn health(&self) -> Option<HealthItem> {
        const ACTION: &str = "Check the DNS settings of the VPN, or ask whoever runs that server.";
        let record = self.record();
        if record.failures < FAILURES_TO_TELL {
            return None;
        }
        let Record { reason, .. } = &*record;
        let what = format!(
            "The VPN’s DNS server {} is not reached through the tunnel: {reason}.",
            self.name
        );
        let item = match self.others {
            None => health::item(
                HealthCode::DnsUnanswered,
                Severity::Problem,
                "Names cannot be looked up",
                format!("{what} Nobody else is asked in its place."),
                ACTION,
            ),
            Some(_) => health::item(
                HealthCode::DnsFailedOver,
                Severity::Warning,
                "Names are looked up outside the VPN",
                format!("{what} The network’s own are asked in its place, as the settings allow."),
                ACTION,
            ),
        };
        Some(item.with("server", &self.name).with("reason", reason))
    }

    async fn ask_and_note(&self, question: &Question, limit: Duration) -> Option<Vec<u8>> {
        match timeout(limit, self.ask(question)).await.unwrap_or(Err(AskError::TimedOut)) {
            Ok(answer) => {
                self.note(None);
                Some(question.fitting(answer))
            }
            Err(error) => {
                tracing::debug!(%error, "a DNS server does not answer");
                self.note(Some(&error));
                None
            }
        }
    }

    async fn ask(&self, question: &Question) -> Result<Vec<u8>, AskError> {
        match &self.asked {
            Asked::Plain(servers, way) => {
                let answer = forward(question, servers, *way).await;
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
