//! What became of probes, held against what is promised: pure, so that no probe judges itself.

use std::net::IpAddr;

use adit_model::{Check, CheckCode, CheckOutcome, LookupServer};

/// What became of a packet that was sent without insisting on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Went {
    /// The system refused it, with this reason.
    Nowhere(String),
    /// Into the tunnel with this interface.
    Inside(String),
    /// Past the tunnels.
    Outside,
}

/// A packet by the physical interface `output`. `is_refused`: nothing of its kind may leave there.
pub(crate) fn past(what: &str, output: &str, is_refused: bool, sent: Result<(), String>) -> Check {
    let (code, outcome, text, reason) = match (is_refused, sent) {
        (true, Err(reason)) => (
            CheckCode::PastStopped,
            CheckOutcome::Passed,
            format!("What a program sends by {output} is stopped: {reason}."),
            Some(reason),
        ),
        (true, Ok(())) => (
            CheckCode::PastLeaves,
            CheckOutcome::Failed,
            format!("What a program sends by {output} leaves, and nothing of it may."),
            None,
        ),
        (false, Ok(())) => (
            CheckCode::PastMayLeave,
            CheckOutcome::NotApplicable,
            format!(
                "What a program sends by {output} leaves. It may: at this strength, who insists on \
                 an interface gets it, as on Apple's systems."
            ),
            None,
        ),
        (false, Err(reason)) => (
            CheckCode::PastMayLeaveStopped,
            CheckOutcome::NotApplicable,
            format!("What a program sends by {output} may leave, and does not: {reason}."),
            Some(reason),
        ),
    };
    let check = Check::new(code, format!("{what} past the tunnels"), outcome, text)
        .with("what", what)
        .with("output", output);
    match reason {
        Some(reason) => check.with("reason", &reason),
        None => check,
    }
}

/// A packet to `to`, which nobody has a route of its own to. `is_held`: a tunnel wants it, or it may
/// not go past the tunnels.
pub(crate) fn ordinary(what: &str, to: IpAddr, is_held: bool, went: Went) -> Check {
    let check =
        |code, outcome, text: String| Check::new(code, what, outcome, text).with("what", what);
    match (is_held, went) {
        (_, Went::Inside(tunnel)) => check(
            CheckCode::OrdinaryInside,
            CheckOutcome::Passed,
            format!("What programs send goes through {tunnel}."),
        )
        .with("tunnel", &tunnel),
        (true, Went::Nowhere(reason)) => check(
            CheckCode::OrdinaryStopped,
            CheckOutcome::Passed,
            format!("What programs send is stopped: {reason}."),
        )
        .with("reason", &reason),
        (true, Went::Outside) => check(
            CheckCode::OrdinaryOutside,
            CheckOutcome::Failed,
            format!(
                "What programs send goes past the tunnels, and should not. See why with: adit \
                 explain route {to}"
            ),
        )
        .with("address", &to),
        (false, Went::Nowhere(reason)) => check(
            CheckCode::OrdinaryUnwantedStopped,
            CheckOutcome::NotApplicable,
            format!("No tunnel wants it, and it is stopped: {reason}."),
        )
        .with("reason", &reason),
        (false, Went::Outside) => check(
            CheckCode::OrdinaryUnwanted,
            CheckOutcome::NotApplicable,
            "What programs send goes past the tunnels. It may: no tunnel wants it.".into(),
        ),
    }
}

/// Who is asked for a name that no domain claims. `tunnel`: the servers that answer all names, if a
/// tunnel has any.
pub(crate) fn names(tunnel: Option<&[IpAddr]>, asked: &[LookupServer]) -> Check {
    let check = |code, outcome, text: String| Check::new(code, "Names", outcome, text);
    let Some(tunnel) = tunnel else {
        let text = "No tunnel answers all names.".into();
        return check(CheckCode::NamesUnclaimed, CheckOutcome::NotApplicable, text);
    };
    let reached =
        |server: &&LookupServer| server.refused_by.is_none() && server.interface.is_some();
    let (inside, others): (Vec<_>, Vec<_>) =
        asked.iter().filter(reached).partition(|server| tunnel.contains(&server.address));
    let (code, outcome, server) = match (inside.first(), others.first()) {
        (_, Some(other)) => (CheckCode::NamesElsewhere, CheckOutcome::Failed, other),
        (Some(server), None) => (CheckCode::NamesInside, CheckOutcome::Passed, server),
        (None, None) => {
            let text = "Nobody is asked.".into();
            return check(CheckCode::NamesNobody, CheckOutcome::Passed, text);
        }
    };
    let text = match outcome {
        CheckOutcome::Failed => {
            format!("{} is asked, which is no server of a tunnel.", shown(server))
        }
        CheckOutcome::Passed | CheckOutcome::NotApplicable => {
            format!("{} is asked.", shown(server))
        }
    };
    let interface = server.interface.as_deref().unwrap_or_default();
    check(code, outcome, text).with("server", &server.address).with("interface", interface)
}

fn shown(server: &LookupServer) -> String {
    let interface = server.interface.as_deref().unwrap_or("no interface");
    format!("{} through {interface}", server.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_promised_can_be_broken() {
        let stopped = || Err("not permitted".to_owned());
        let tried = |is_refused, sent| past("IPv4", "eth0", is_refused, sent).outcome;
        assert_eq!(tried(true, stopped()), CheckOutcome::Passed);
        assert_eq!(tried(true, Ok(())), CheckOutcome::Failed);
        assert_eq!(tried(false, Ok(())), CheckOutcome::NotApplicable);
        assert_eq!(tried(false, stopped()), CheckOutcome::NotApplicable);

        let nowhere = || Went::Nowhere("not permitted".into());
        let tried = |is_held, went| ordinary("IPv4", [9; 4].into(), is_held, went).outcome;
        assert_eq!(tried(true, nowhere()), CheckOutcome::Passed);
        assert_eq!(tried(true, Went::Outside), CheckOutcome::Failed);
        assert_eq!(tried(true, Went::Inside("adit0".into())), CheckOutcome::Passed);
        assert_eq!(tried(false, Went::Inside("adit0".into())), CheckOutcome::Passed);
        assert_eq!(tried(false, Went::Outside), CheckOutcome::NotApplicable);
        assert_eq!(tried(false, nowhere()), CheckOutcome::NotApplicable);
    }

    #[test]
    fn a_server_that_is_no_tunnels_must_be_refused() {
        let (inside, outside) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([9; 4]));
        let server = |address, refused_by| LookupServer {
            address,
            asks: None,
            interface: Some("eth0".into()),
            refused_by,
        };
        let refused = Some("refuse: drop".to_owned());
        let tried = |servers: &[LookupServer]| names(Some(&[inside]), servers).outcome;
        assert_eq!(tried(&[server(inside, None)]), CheckOutcome::Passed);
        assert_eq!(tried(&[server(inside, None), server(outside, None)]), CheckOutcome::Failed);
        assert_eq!(tried(&[server(outside, refused)]), CheckOutcome::Passed);
        let outcome = names(None, &[server(outside, None)]).outcome;
        assert_eq!(outcome, CheckOutcome::NotApplicable);
    }
}
