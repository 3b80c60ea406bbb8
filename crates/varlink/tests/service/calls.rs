use adit_varlink::idl::Interface;
use serde_json::{Value, json};

use crate::{
    raw::message,
    store::{IDL, Service, router, store_methods},
};

#[test]
fn the_description_agrees_with_the_code() {
    let interface = Interface::parse(IDL).unwrap();
    assert_eq!(interface.differences(&store_methods()), Vec::<String>::new());
    assert_eq!(interface.differences(&router().signatures()), Vec::<String>::new());
}

#[test]
fn a_service_describes_itself() {
    let service = Service::start();
    let mut client = service.raw();
    client.send("{\"method\":\"org.varlink.service.GetInfo\"}\0");
    let info = json!({
        "vendor": "Example", "product": "store", "version": "1", "url": "https://example.org",
        "interfaces": ["org.example.Store", "org.varlink.service"],
    });
    assert_eq!(client.receive(), Some(json!({ "parameters": info })));

    let describe = |interface: &str| {
        format!(
            "{{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{{\"interface\":\"{interface}\"}}}}\0"
        )
    };
    client.send(&describe("org.example.Store"));
    assert_eq!(client.receive(), Some(json!({"parameters": {"description": IDL}})));
    client.send(&describe("org.example.Other"));
    assert_eq!(
        client.receive(),
        Some(error("InterfaceNotFound", &json!({"interface": "org.example.Other"})))
    );
}

#[test]
fn a_refused_call_says_why() {
    let service = Service::start();
    let mut client = service.raw();
    let cases = [
        ("Lose", "{}", error("MethodNotFound", &json!({"method": "org.example.Store.Lose"}))),
        ("Count", r#"{"to":1}"#, error("ExpectedMore", &json!({}))),
        (
            "Save",
            r#"{"rules":[{"ports":[1]},{"ports":["http"]}]}"#,
            error(
                "InvalidParameter",
                &json!({
                    "parameter": "rules[1].ports[0]",
                    "message": "invalid type: string \"http\", expected u16",
                }),
            ),
        ),
        (
            "Find",
            "null",
            error(
                "InvalidParameter",
                &json!({"parameter": "length", "message": "missing field `length`"}),
            ),
        ),
        (
            "Find",
            "[7]",
            error(
                "InvalidParameter",
                &json!({"parameter": "", "message": "the parameters are not an object"}),
            ),
        ),
        (
            "Erase",
            r#"{"all":true}"#,
            error("PermissionDenied", &json!({"message": "nobody may do this"})),
        ),
        (
            "Erase",
            r#"{"all":1}"#,
            error(
                "InvalidParameter",
                &json!({
                    "parameter": "all",
                    "message": "invalid type: integer `1`, expected a boolean",
                }),
            ),
        ),
        (
            "Find",
            r#"{"length":0}"#,
            json!({"error": "org.example.Store.NoSuchText", "parameters": {"length": 0}}),
        ),
    ];
    for (method, parameters, reply) in cases {
        assert_eq!(client.call(method, parameters), reply);
    }
    service.wait_for_marks(0);
}

#[test]
fn empty_parameters_and_unknown_fields_are_accepted() {
    let service = Service::start();
    let mut client = service.raw();
    for call in [
        r#"{"method":"org.example.Store.Mark"}"#,
        r#"{"method":"org.example.Store.Mark","parameters":null}"#,
        r#" {"parameters" : { "unknown":[{}] } , "upgrade":true, "method":"org.example.Store.M\u0061rk" } "#,
        // A plain method may be called with `more`; it answers once.
        r#"{"method":"org.example.Store.Mark","parameters":{},"more":true}"#,
    ] {
        client.send(&format!("{call}\0"));
        assert_eq!(client.receive(), Some(json!({"parameters": {}})), "{call}");
    }
}

#[test]
fn oneway_calls_are_not_answered_and_outlive_their_client() {
    let service = Service::start();
    let oneway =
        |method: &str| message(method, "{}").replace("{\"method", "{\"oneway\":true,\"method");
    let mut client = service.raw();
    let flood = oneway("Flood").replace("{\"oneway", "{\"more\":true,\"oneway");
    client.send(&[oneway("Mark"), oneway("Lose"), oneway("Find"), flood].concat());
    assert_eq!(client.call("Find", r#"{"length":1}"#), json!({"parameters": {"text": "x"}}));

    client.send(&[message("Mark", "{}"), oneway("Mark"), oneway("Mark")].concat());
    assert_eq!(client.receive(), Some(json!({"parameters": {}})));
    drop(client);
    service.wait_for_marks(4);
}

#[test]
fn the_last_item_of_a_stream_says_so() {
    let service = Service::start();
    let mut client = service.raw();
    client
        .send("{\"method\":\"org.example.Store.Count\",\"parameters\":{\"to\":2},\"more\":true}\0");
    assert_eq!(client.receive(), Some(json!({"parameters": {"number": 1}, "continues": true})));
    assert_eq!(client.receive(), Some(json!({"parameters": {"number": 2}})));
    // And the connection serves on.
    assert_eq!(client.call("Mark", "{}"), json!({"parameters": {}}));
}

fn error(name: &str, parameters: &Value) -> Value {
    json!({"error": format!("org.varlink.service.{name}"), "parameters": parameters})
}
