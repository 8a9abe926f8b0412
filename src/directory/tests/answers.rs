//! What a directory may say, read strictly.

use super::*;

#[test]
fn answers_are_read_strictly() {
    let subject = "x".repeat(255);
    for (text, expected) in [
        (r#"{"status":"disabled","rooms":1}"#.to_owned(), Standing::Disabled),
        (r#"{"status":"unknown"}"#.to_owned(), Standing::Unknown),
        (r#"{"status":"active","more":[1]}"#.to_owned(), active().expect("active")),
        (
            r#"{"status":"active","subject":null,"rooms":null,"info":null,"recheck_ms":null}"#
                .to_owned(),
            active().expect("active"),
        ),
        (
            format!(r#"{{"status":"active","subject":"{subject}","recheck_ms":9}}"#),
            with(|profile| {
                profile.subject = Some(subject.clone().into());
                profile.recheck_ms = Some(9);
            })
            .expect("active"),
        ),
    ] {
        assert_eq!(Standing::parse(&text), Ok(expected), "{text}");
    }
    for (text, fault) in [
        (r#"{}"#.to_owned(), ProfileFault::Status),
        (r#"{"status":"Active"}"#.to_owned(), ProfileFault::Status),
        (r#"{"status":true}"#.to_owned(), ProfileFault::Status),
        (r#"{"status":"active","subject":""}"#.to_owned(), ProfileFault::Subject),
        (r#"{"status":"active","subject":42}"#.to_owned(), ProfileFault::Subject),
        (r#"{"status":"active","subject":"a\u0007"}"#.to_owned(), ProfileFault::Subject),
        (format!(r#"{{"status":"active","subject":"{subject}x"}}"#), ProfileFault::Subject),
        (r#"{"status":"active","rooms":["a"]}"#.to_owned(), ProfileFault::Rooms),
        (r#"{"status":"active","rooms":{"a":"join"}}"#.to_owned(), ProfileFault::Rooms),
        (r#"{"status":"active","info":"x"}"#.to_owned(), ProfileFault::Info),
        (
            format!(r#"{{"status":"active","info":{{"a":"{}"}}}}"#, "x".repeat(1_024)),
            ProfileFault::Info,
        ),
        (r#"{"status":"active","recheck_ms":-1}"#.to_owned(), ProfileFault::Recheck),
        (r#"{"status":"active","recheck_ms":"9"}"#.to_owned(), ProfileFault::Recheck),
    ] {
        assert_eq!(Standing::parse(&text), Err(fault), "{text}");
    }
    for text in ["", "null", "[]", "ok", r#"{"status":"active","status":"active"}"#, "{} {}"] {
        assert!(matches!(Standing::parse(text), Err(ProfileFault::Json(_))), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_panics(text in ".{0,100}", status in "[a-z]{0,8}", rest in ".{0,40}") {
        let _ = Standing::parse(&text);
        let _ = Standing::parse(&format!(r#"{{"status":"{status}","rooms":{rest}}}"#));
    }
}
