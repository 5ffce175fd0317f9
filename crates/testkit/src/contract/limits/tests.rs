//! The contract itself is tested on an implementation that can be told to break each part of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sluicegate_core::Clock as _;

use super::plain::{Fault, Plain};
use super::{LimiterFixture, limiter};
use crate::FakeClock;

fn outcome(fault: Fault) -> Result<(), String> {
    let epoch = FakeClock::still().now();
    let make = || LimiterFixture { limiter: Arc::new(Plain::with(fault, epoch)), epoch };
    catch_unwind(AssertUnwindSafe(|| limiter(&make))).map_err(|told| match told.downcast::<String>() {
        Ok(text) => *text,
        Err(told) => told.downcast::<&str>().map_or_else(|_| "no words".to_owned(), |text| (*text).to_owned()),
    })
}

#[test]
fn an_implementation_that_is_right_passes() {
    assert_eq!(outcome(Fault::None), Ok(()));
}

#[test]
fn each_fault_is_found_and_named() {
    for (fault, part) in [
        (Fault::TakesFromSome, "all or none"),
        (Fault::LooksTwice, "limits: of 100 at once"),
        (Fault::RoundsTime, "limits: exact"),
        (Fault::SharesSubjects, "limits: of 100 at once"),
        (Fault::KeepsPlaces, "given back"),
        (Fault::ForgetsBetweenGenerations, "generations"),
        (Fault::ForgetsAtAChange, "generations: at"),
        (Fault::NamesTheFirst, "all or none"),
    ] {
        let told = outcome(fault).expect_err("the fault goes unseen");
        assert!(told.contains(part), "{fault:?}: {told}");
    }
}
