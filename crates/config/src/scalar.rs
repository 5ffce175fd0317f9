//! Whether a scalar's text fits its shape. Messages never repeat the text, which may be a secret in the wrong place.

use std::net::SocketAddr;

use sluicegate_core::{Network, Node, Shape, suggest};

use crate::{names, url, words};

/// What is wrong with a scalar (to be read behind the key's name), and what to write instead.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) problem: String,
    pub(crate) help: Option<String>,
}

/// Checks `node`, which is the scalar `text`.
pub(crate) fn wrong(node: &Node, text: &str, shape: &Shape) -> Option<Wrong> {
    let fits = match shape {
        Shape::Text => true,
        Shape::Name => names::is_plain(text),
        Shape::Path => !text.is_empty() && !text.chars().any(char::is_control),
        Shape::Bool => node.boolean().is_some(),
        Shape::Integer { min, max } => node.integer().is_some_and(|number| (*min..=*max).contains(&number)),
        Shape::Duration { min_ms, max_ms } => node
            .duration()
            .is_some_and(|value| (u128::from(*min_ms)..=u128::from(*max_ms)).contains(&value.as_millis())),
        Shape::Size { min, max } => node.size().is_some_and(|bytes| (*min..=*max).contains(&bytes)),
        Shape::Share { min, max } => node.share().is_some_and(|share| (*min..=*max).contains(&share.thousandths())),
        Shape::Rate => node.rate().is_some(),
        Shape::Either(short, full) => {
            return match full {
                // Two ways to write one scalar.
                Shape::Object(_) | Shape::OneOf(_) | Shape::List(_) => wrong(node, text, short),
                _ => wrong(node, text, short).and_then(|_| wrong(node, text, full)),
            };
        }
        Shape::Address => node.address().is_some(),
        Shape::Network => text.parse::<Network>().is_ok(),
        Shape::Url => return url::address(text).err().map(|url::Wrong(problem, help)| helped(problem, help)),
        Shape::Choice(choices) => return choice(text, choices),
        Shape::List(_) | Shape::Map { .. } | Shape::Object(_) | Shape::OneOf(_) | Shape::Kind(_) => false,
    };
    if fits {
        return None;
    }
    let help = match shape {
        Shape::Name => Some("letters, digits, `.`, `_` and `-`, at most 128, and a letter or digit first".to_owned()),
        Shape::Bool => boolean(text),
        Shape::Duration { .. } if text.parse::<f64>().is_ok() => Some("add a unit: `ms`, `s`, `m`, `h`".to_owned()),
        Shape::Share { .. } if text.parse::<f64>().is_ok() => Some("add the sign: `10%`".to_owned()),
        Shape::Rate => Some(rate(text)),
        Shape::Address => address(text),
        Shape::Network => text.parse::<Network>().err().map(|error| error.to_string()),
        Shape::List(_) => Some("a list is written `[a, b]`".to_owned()),
        Shape::Map { .. } | Shape::Object(_) | Shape::OneOf(_) | Shape::Kind(_) => {
            Some("a mapping is written `{ key: value }`".to_owned())
        }
        _ => None,
    };
    Some(Wrong { problem: format!("takes {}", words::expected(shape)), help })
}

fn helped(problem: &str, help: &str) -> Wrong {
    Wrong { problem: problem.to_owned(), help: Some(help.to_owned()) }
}

fn choice(text: &str, choices: &'static [(&'static str, &'static str)]) -> Option<Wrong> {
    match choices.iter().find(|(word, _)| *word == text) {
        Some((_, doc)) if !doc.is_empty() => None,
        Some((word, _)) => Some(Wrong {
            problem: format!("cannot be `{word}`: it is not in this build"),
            help: Some(format!("write {}", words::expected(&Shape::Choice(choices)))),
        }),
        None => {
            let near = suggest(text, words::built(choices).into_iter().map(|(word, _)| word));
            Some(Wrong {
                problem: format!("takes {}", words::expected(&Shape::Choice(choices))),
                help: near.map(|near| format!("did you mean `{near}`?")),
            })
        }
    }
}

fn boolean(text: &str) -> Option<String> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" | "1" => "true",
        "no" | "off" | "n" | "false" | "0" => "false",
        _ => return None,
    };
    Some(format!("write `{meant}`"))
}

fn rate(text: &str) -> String {
    let Some((quantity, window)) = text.split_once('/') else {
        return "say in what time: `200/s`, `200/min`, `200/h`, `200/day`".to_owned();
    };
    let meant = match window.trim().to_ascii_lowercase().trim_end_matches('s') {
        "" | "sec" | "second" => "s",
        "m" | "min" | "minute" => "min",
        "h" | "hr" | "hour" => "h",
        "d" | "day" => "day",
        _ => return "the times are `/s`, `/min`, `/h`, `/day`".to_owned(),
    };
    match quantity.trim().parse::<f64>() {
        Ok(0.0) => "at least one: to let nobody in, do not give access".to_owned(),
        Ok(number) if number.fract() != 0.0 => {
            "a whole number, of a longer time: `30/min` rather than `0.5/s`".to_owned()
        }
        Ok(number) if number > 0.0 && window.trim() != meant => format!("write `/{meant}`"),
        _ => "a whole number from one on, at most a million a second".to_owned(),
    }
}

fn address(text: &str) -> Option<String> {
    let host = match text.rsplit_once(':') {
        None => return Some("add a port".to_owned()),
        Some(("", _)) => "0.0.0.0",
        Some(("localhost", _)) => "127.0.0.1",
        Some(_) => return Some("names are not looked up: write the number, IPv6 as `[::1]:8080`".to_owned()),
    };
    let port = text.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok())?;
    let address: SocketAddr = format!("{host}:{port}").parse().ok()?;
    Some(format!("write `{address}`"))
}
