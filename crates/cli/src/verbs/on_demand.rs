//! `adit on-demand`

mod explain;
mod pause;

use adit_api::{Get, HelperClient, Save, SaveReply, SecretChanges};
use adit_model::{
    Severity, VpnConfiguration,
    on_demand::{OnDemandAction, OnDemandRule, OnDemandSettings, RuleNote},
    shell_word,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    args::OnDemandVerb,
    context::{Context, find},
    draft::Draft,
    failure::Failure,
    output::Report,
    page::Page,
    terminal,
};

pub(super) async fn run(what: OnDemandVerb, context: &Context) -> Result<(), Failure> {
    let mut helper = context.helper().await?;
    let configuration = match what {
        OnDemandVerb::Pause { name, end } => {
            return pause::pause(&name, end, &mut helper, context).await;
        }
        OnDemandVerb::Resume(named) => {
            return pause::resume(&named.name, &mut helper, context).await;
        }
        OnDemandVerb::Explain { name } => {
            return explain::run(name.as_deref(), &mut helper, context).await;
        }
        OnDemandVerb::On(named) => switch(&mut helper, &named.name, true).await?,
        OnDemandVerb::Off(named) => switch(&mut helper, &named.name, false).await?,
        OnDemandVerb::Show(named) => find(&mut helper, &named.name).await?.configuration,
        OnDemandVerb::Edit(named) => edit(&mut helper, &named.name, context).await?,
    };
    let notes = configuration.on_demand.lint();
    context.output.report(&Shown { configuration, notes })
}

async fn switch(
    helper: &mut HelperClient,
    name: &str,
    enabled: bool,
) -> Result<VpnConfiguration, Failure> {
    let mut configuration = find(helper, name).await?.configuration;
    if enabled && configuration.on_demand.rules.is_empty() {
        return Err(Failure::NothingOnDemand { name: configuration.name });
    }
    if configuration.on_demand.enabled == enabled {
        return Ok(configuration);
    }
    configuration.on_demand.enabled = enabled;
    save(helper, configuration).await
}

async fn edit(
    helper: &mut HelperClient,
    name: &str,
    context: &Context,
) -> Result<VpnConfiguration, Failure> {
    let mut configuration = find(helper, name).await?.configuration;
    let draft = Draft::write("on-demand.json", &text(&configuration.on_demand))
        .map_err(Failure::TemporaryFile)?;
    let before = draft.read().map_err(Failure::TemporaryFile)?;
    loop {
        draft.edit().await?;
        let text = draft.read().map_err(Failure::TemporaryFile)?;
        if *text == *before {
            return Ok(configuration);
        }
        let error = match read(&text) {
            Err(error) => Failure::NoRules(error.to_string()),
            Ok(settings) => {
                configuration.on_demand = settings;
                match save(helper, configuration.clone()).await {
                    Ok(saved) => return Ok(saved),
                    Err(failure) => failure,
                }
            }
        };
        if !terminal::is_attended() {
            return Err(error);
        }
        context.output.note(&error.to_string());
        if !terminal::ask("Edit again?", true).await? {
            return Err(Failure::Interrupted);
        }
        // Somebody else may have saved meanwhile; the rules that are being edited are newer.
        let get = Get { id: configuration.id, include_secrets: false };
        configuration = helper.call(&get).await?.entry.configuration;
    }
}

/// The settings in JSON; where there are no rules yet, with two that show how they are written.
fn text(settings: &OnDemandSettings) -> String {
    let mut settings = settings.clone();
    if settings.rules.is_empty() {
        let mut trusted = OnDemandRule::always(OnDemandAction::Disconnect);
        trusted.conditions.ssids = Some(Vec::new());
        settings.rules =
            vec![trusted, OnDemandRule::always(OnDemandAction::Connect { eager: true })];
    }
    // Nothing in it can fail to be written.
    serde_json::to_string_pretty(&settings).unwrap_or_default() + "\n"
}

fn read(text: &[u8]) -> serde_json::Result<OnDemandSettings> {
    // A list alone would be read as the fields in their order.
    serde_json::from_slice::<Map<String, Value>>(text)?;
    serde_json::from_slice(text)
}

async fn save(
    helper: &mut HelperClient,
    configuration: VpnConfiguration,
) -> Result<VpnConfiguration, Failure> {
    configuration.validate()?;
    let save = Save { configuration, secrets: None, secret_changes: SecretChanges::new() };
    let SaveReply { configuration } = helper.call(&save).await?;
    Ok(configuration)
}

#[derive(Serialize)]
struct Shown {
    configuration: VpnConfiguration,
    notes: Vec<RuleNote>,
}

impl Report for Shown {
    fn write(&self, page: &mut Page) {
        let VpnConfiguration { name, on_demand, .. } = &self.configuration;
        page.line(&match (on_demand.enabled, on_demand.rules.is_empty()) {
            (true, _) => format!("“{name}” connects and disconnects by itself."),
            (false, true) => format!("“{name}” has no rules, and connects only by hand."),
            (false, false) => format!(
                "“{name}” connects only by hand. Let its rules count with: adit on-demand on {}",
                shell_word(name)
            ),
        });
        for (index, rule) in on_demand.rules.iter().enumerate() {
            page.part(&format!("{}. {rule}.", index + 1));
        }
        if let Some(seconds) = on_demand.idle_timeout {
            page.part(&format!("Disconnects after {seconds} s without traffic."));
        }
        if on_demand.user_override_disabled {
            page.part("Only root may change, pause or switch off the rules.");
        }
        for note in &self.notes {
            let about = note.rule.map(|rule| format!("Rule {}: ", rule + 1)).unwrap_or_default();
            page.line(&match note.severity {
                Severity::Notice => format!("{about}{}", note.text),
                Severity::Warning | Severity::Problem => format!("Warning: {about}{}", note.text),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_and_a_list_alone_cannot() {
        let settings = OnDemandSettings::default();
        let read_again = read(text(&settings).as_bytes()).unwrap();
        assert_eq!(read_again.enabled, settings.enabled);
        assert_eq!(read_again.rules.len(), 2);
        assert!(read(br#"[true, [{"action": "connect"}]]"#).is_err());
    }
}
