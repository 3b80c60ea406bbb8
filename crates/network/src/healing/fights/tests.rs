//! The journal of fights at chosen times.

use super::*;

#[test]
fn what_is_changed_now_and_then_is_put_back_every_time() {
    let (mut fights, start) = (Fights::default(), Instant::now());
    for fight in 0..100 {
        let now = start + fight * WINDOW / 5;
        assert_eq!(damaged(&mut fights, now), Verdict::Restore, "{fight}");
    }
    let now = start + 100 * WINDOW / 5;
    let [item] = fights.health(slot(), now).try_into().unwrap();
    assert_eq!(item.code, "changed.rules");
    assert_eq!(item.severity, Severity::Notice);
    let title = "The tunnel’s routing rules were changed by somebody else and put back";
    assert_eq!(item.title, title);
    assert_eq!(item.text, "This happened 100 times. Which program did it is not known.");
}

#[test]
fn who_goes_on_is_left_alone_for_ever_longer_and_named() {
    let (mut fights, start) = (Fights::default(), Instant::now());
    let blink = Duration::from_millis(10);
    for fight in 0..10 {
        assert_eq!(damaged(&mut fights, start + fight * blink), Verdict::Restore, "{fight}");
    }
    let tenth = start + 9 * blink;
    let mut truce = FIRST_TRUCE;
    let mut fought = tenth;
    for _ in 0..8 {
        let until = fought + truce;
        assert_eq!(damaged(&mut fights, fought + blink), Verdict::Wait(until));
        assert_eq!(damaged(&mut fights, fought + truce / 2), Verdict::Wait(until));
        assert_eq!(damaged(&mut fights, until), Verdict::Restore);
        (fought, truce) = (until, (truce * 2).min(LONGEST_TRUCE));
    }

    let by = Opponent::Known("netd".into());
    fights.damaged(Some(slot()), Part::Rules, by, fought + blink);
    let [item] = fights.health(slot(), fought + blink).try_into().unwrap();
    assert_eq!((item.code.as_str(), item.severity), ("contested.rules", Severity::Problem));
    assert_eq!(item.title, "netd keeps changing the tunnel’s routing rules");
    assert!(item.text.contains("18 times") && item.text.ends_with("It was netd."), "{item:?}");
    let action = "Keep netd from changing the tunnel’s routing rules, or disconnect.";
    assert_eq!(item.action.as_deref(), Some(action));

    let over = fights.over_at().unwrap();
    assert_eq!(over, fought + LONGEST_TRUCE + CALM);
    assert_eq!(fights.health(slot(), over), []);
    assert_eq!(fights.over_at(), None);
    assert_eq!(damaged(&mut fights, over), Verdict::Restore);
}

#[test]
fn what_opens_is_closed_however_often_and_told() {
    let (mut fights, start) = (Fights::default(), Instant::now());
    let blink = Duration::from_millis(10);
    let opened = |fights: &mut Fights, now| {
        fights.opened(None, Part::Firewall, Opponent::Known("fw".into()), now);
    };
    for fight in 0..9 {
        opened(&mut fights, start + fight * blink);
    }
    let [item] = fights.health(slot(), start + 8 * blink).try_into().unwrap();
    assert_eq!((item.code.as_str(), item.severity), ("changed.firewall", Severity::Notice));
    for fight in 9..1000 {
        opened(&mut fights, start + fight * blink);
    }
    let end = start + 999 * blink;
    let [item] = fights.health(slot(), end).try_into().unwrap();
    assert_eq!(item.code, "contested.firewall");
    assert_eq!(item.title, "fw keeps changing the firewall rules of Adit");
    let text = "Adit has put them back 1000 times, and does so at once each time.";
    assert!(item.text.starts_with(text), "{item:?}");

    // Somebody who no longer has to hold anything closed may yield.
    let verdict = fights.damaged(None, Part::Firewall, Opponent::Unknown, end);
    assert_eq!(verdict, Verdict::Restore);
    let verdict = fights.damaged(None, Part::Firewall, Opponent::Unknown, end);
    assert_eq!(verdict, Verdict::Wait(end + FIRST_TRUCE));
}

#[test]
fn each_part_of_each_session_has_its_own_fights() {
    let (mut fights, now) = (Fights::default(), Instant::now());
    for _ in 0..10 {
        damaged(&mut fights, now);
    }
    assert!(matches!(damaged(&mut fights, now), Verdict::Wait(_)));
    let other = Slot::new(1).unwrap();
    for (slot, part) in [(slot(), Part::Routes), (other, Part::Rules)] {
        assert_eq!(fights.damaged(Some(slot), part, Opponent::Unknown, now), Verdict::Restore);
    }
    fights.forget(slot());
    assert_eq!(fights.health(slot(), now), []);
    assert_eq!(fights.health(other, now).len(), 1);
}

#[test]
fn better_knowledge_of_the_opponent_stays() {
    let likely = || Opponent::Likely("networkd".into());
    let known = || Opponent::Known("ip".into());
    for (first, then, stays) in [
        (Opponent::Unknown, likely(), likely()),
        (likely(), Opponent::Unknown, likely()),
        (likely(), known(), known()),
        (known(), likely(), known()),
        (known(), Opponent::Unknown, known()),
        (known(), Opponent::Known("nft".into()), Opponent::Known("nft".into())),
    ] {
        let mut opponent = first;
        opponent.learn(then);
        assert_eq!(opponent, stays);
    }
}

fn damaged(fights: &mut Fights, now: Instant) -> Verdict {
    fights.damaged(Some(slot()), Part::Rules, Opponent::Unknown, now)
}

fn slot() -> Slot {
    Slot::new(0).unwrap()
}
