//! The menu on D-Bus: `com.canonical.dbusmenu`, version 3, as libdbusmenu describes it.

#![expect(
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "D-Bus says what a method has"
)]

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;
use zbus::{
    OwnedVariant, Structure, Variant, fdo, interface, object_server::SignalEmitter, wire::Type,
};

use super::menu::{Action, MenuItem};

pub(crate) const PATH: &str = "/MenuBar";

const ROOT: i32 = 0;
const EVERYTHING: i32 = -1;

/// The object on the bus.
pub(crate) struct DbusMenu {
    numbered: Numbered,
    chosen: UnboundedSender<Action>,
}

/// The menu, shared with whoever changes it.
#[derive(Clone, Default)]
pub(crate) struct Numbered(Arc<Mutex<Lines>>);

/// The lines of a menu under the numbers that D-Bus knows them by.
#[derive(Default)]
struct Lines {
    revision: u32,
    items: Vec<MenuItem>,
    numbered: BTreeMap<i32, Line>,
    children: BTreeMap<i32, Vec<i32>>,
    /// What can be done keeps its number for ever, so that a click on a menu that has just changed does
    /// what the user has read.
    actions: BTreeMap<Action, i32>,
    last: i32,
}

#[derive(Clone)]
struct Line {
    properties: Properties,
    action: Option<Action>,
}

type Properties = HashMap<&'static str, Variant<'static>>;

/// `(ia{sv}av)`
#[derive(Serialize, Type)]
struct Layout {
    id: i32,
    properties: HashMap<&'static str, Variant<'static>>,
    children: Vec<Variant<'static>>,
}

impl Numbered {
    /// Puts another menu in place. Returns its revision if it differs.
    pub(crate) fn set(&self, items: Vec<MenuItem>) -> Option<u32> {
        let mut lines = self.lock();
        if lines.items == items && lines.revision > 0 {
            return None;
        }
        lines.number(items);
        Some(lines.revision)
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn number(&mut self, items: Vec<MenuItem>) {
        self.revision += 1;
        self.numbered.clear();
        self.children.clear();
        self.add(ROOT, &items);
        self.items = items;
    }

    fn add(&mut self, parent: i32, items: &[MenuItem]) {
        for item in items {
            let line = Line::of(item);
            let id = match line.action {
                Some(action) => self.number_of(action),
                None => self.next(),
            };
            self.numbered.insert(id, line);
            self.children.entry(parent).or_default().push(id);
            if let MenuItem::Submenu { items, .. } = item {
                self.add(id, items);
            }
        }
    }

    fn number_of(&mut self, action: Action) -> i32 {
        if let Some(id) = self.actions.get(&action) {
            return *id;
        }
        let id = self.next();
        self.actions.insert(action, id);
        id
    }

    fn next(&mut self) -> i32 {
        self.last += 1;
        self.last
    }

    fn action(&self, id: i32) -> Option<Action> {
        self.actions.iter().find(|(_, number)| **number == id).map(|(action, _)| *action)
    }

    fn properties(&self, id: i32) -> Properties {
        if id == ROOT {
            return Properties::from([("children-display", "submenu".into())]);
        }
        self.numbered.get(&id).map(|line| line.properties.clone()).unwrap_or_default()
    }

    fn layout(&self, id: i32, depth: i32) -> Layout {
        let children = match depth {
            0 => &[][..],
            _ => self.children.get(&id).map(Vec::as_slice).unwrap_or_default(),
        };
        let depth = if depth == EVERYTHING { EVERYTHING } else { depth - 1 };
        let children = children.iter().filter_map(|child| {
            let Layout { id, properties, children } = self.layout(*child, depth);
            let structure =
                Structure::builder().add_field(id).add_field(properties).add_field(children);
            structure.build().ok().map(Variant::from)
        });
        Layout { id, properties: self.properties(id), children: children.collect() }
    }
}

impl Line {
    fn of(item: &MenuItem) -> Self {
        let plain = |properties: Properties| Self { properties, action: None };
        match item {
            MenuItem::Separator => plain(Properties::from([("type", "separator".into())])),
            MenuItem::Words(label) => {
                plain(Properties::from([("label", text(label)), ("enabled", false.into())]))
            }
            MenuItem::Action { label, action } => Self {
                properties: Properties::from([("label", text(label))]),
                action: Some(*action),
            },
            MenuItem::Switch { label, is_on, action } => Self {
                properties: Properties::from([
                    ("label", text(label)),
                    ("toggle-type", "checkmark".into()),
                    ("toggle-state", i32::from(*is_on).into()),
                ]),
                action: Some(*action),
            },
            MenuItem::Submenu { label, .. } => plain(Properties::from([
                ("label", text(label)),
                ("children-display", "submenu".into()),
            ])),
        }
    }
}

/// An underscore would mark the letter for the keyboard.
fn text(label: &str) -> Variant<'static> {
    label.replace('_', "__").into()
}

impl DbusMenu {
    pub(crate) fn new(numbered: Numbered, chosen: UnboundedSender<Action>) -> Self {
        Self { numbered, chosen }
    }

    fn choose(&self, id: i32, event: &str) -> bool {
        let lines = self.numbered.lock();
        if id != ROOT && !lines.numbered.contains_key(&id) && lines.action(id).is_none() {
            return false;
        }
        if event == "clicked"
            && let Some(action) = lines.action(id)
        {
            // Only a tray that ends does not listen.
            let _ = self.chosen.send(action);
        }
        true
    }
}

#[interface(name = "com.canonical.dbusmenu", spawn = false)]
impl DbusMenu {
    #[zbus(out_args("revision", "layout"))]
    fn get_layout(
        &self,
        parent_id: i32,
        recursion_depth: i32,
        _property_names: Vec<String>,
    ) -> (u32, Layout) {
        let lines = self.numbered.lock();
        (lines.revision, lines.layout(parent_id, recursion_depth))
    }

    fn get_group_properties(
        &self,
        ids: Vec<i32>,
        _property_names: Vec<String>,
    ) -> Vec<(i32, HashMap<&'static str, Variant<'static>>)> {
        let lines = self.numbered.lock();
        let all = || lines.numbered.keys().copied().collect();
        let ids: Vec<i32> = if ids.is_empty() { all() } else { ids };
        ids.into_iter().map(|id| (id, lines.properties(id))).collect()
    }

    fn get_property(&self, id: i32, name: &str) -> fdo::Result<OwnedVariant> {
        let value = self.numbered.lock().properties(id).remove(name);
        let missing = || fdo::Error::InvalidArgs(format!("there is no property {name}"));
        value.and_then(|value| value.try_into_owned().ok()).ok_or_else(missing)
    }

    fn event(&self, id: i32, event_id: &str, _data: Variant<'_>, _timestamp: u32) {
        self.choose(id, event_id);
    }

    fn event_group(&self, events: Vec<(i32, String, OwnedVariant, u32)>) -> Vec<i32> {
        let events = events.into_iter();
        events.filter(|(id, event, ..)| !self.choose(*id, event)).map(|(id, ..)| id).collect()
    }

    /// Whether it has to be read again: it is always up to date.
    fn about_to_show(&self, _id: i32) -> bool {
        false
    }

    fn about_to_show_group(&self, _ids: Vec<i32>) -> (Vec<i32>, Vec<i32>) {
        (Vec::new(), Vec::new())
    }

    #[zbus(signal)]
    pub(crate) async fn layout_updated(
        emitter: &SignalEmitter<'_>,
        revision: u32,
        parent: i32,
    ) -> zbus::Result<()>;

    #[zbus(property)]
    fn version(&self) -> u32 {
        3
    }

    #[zbus(property)]
    fn text_direction(&self) -> &'static str {
        "ltr"
    }

    #[zbus(property)]
    fn status(&self) -> &'static str {
        "normal"
    }

    #[zbus(property)]
    fn icon_theme_path(&self) -> Vec<String> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use adit_model::ConfigurationId;

    use super::*;

    #[test]
    fn a_menu_that_stays_the_same_is_not_told_again_and_actions_keep_their_numbers() {
        let numbered = Numbered::default();
        let id = ConfigurationId::from_random([1; 16]);
        let switch = |is_on| {
            let action = if is_on { Action::Stop(id) } else { Action::Start(id) };
            MenuItem::Switch { label: "a_b".into(), is_on, action }
        };
        let quit = || MenuItem::Action { label: "Quit".into(), action: Action::Quit };
        assert_eq!(numbered.set(vec![switch(false), quit()]), Some(1));
        assert_eq!(numbered.set(vec![switch(false), quit()]), None);
        let number = |action| numbered.lock().actions[&action];
        let (start, end) = (number(Action::Start(id)), number(Action::Quit));
        assert_eq!(numbered.lock().properties(start)["label"], Variant::from("a__b"));
        assert_eq!(numbered.set(vec![MenuItem::Separator, switch(true), quit()]), Some(2));
        assert_eq!(number(Action::Quit), end);
        assert_ne!(number(Action::Stop(id)), start);
        // What was read before the menu changed is still understood as it was read.
        assert_eq!(numbered.lock().action(start), Some(Action::Start(id)));
    }
}
