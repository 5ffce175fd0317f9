//! Sequences: requests that belong together stay on one endpoint of a backend, from the request that starts the sequence
//! to the one that ends it (Triton's sequence extension).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluicegate_core::{InferRequest, Parameter};

use crate::balance::Member;

/// Sequences one backend may have open.
const MOST: usize = 65_536;
/// After this long without a request a sequence is forgotten, as Triton itself forgets it.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Longest textual id.
const LONGEST_ID: usize = 256;

/// The open sequences of a backend.
#[derive(Default)]
pub(crate) struct Sequences(Mutex<HashMap<Key, Pinned>>);

/// A request's place in its sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    key: Key,
    ends: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    model: Arc<str>,
    id: Id,
}

/// Integer and textual ids are different things, also where they look alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Id {
    Number(u64),
    Text(String),
}

struct Pinned {
    endpoint: Arc<Member>,
    last: Instant,
}

/// No sequence can be opened: as many as may be are open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Place {
    /// Reads `sequence_id` and `sequence_end`; an id of 0 or "" is none.
    pub(crate) fn of(model: &Arc<str>, request: &InferRequest) -> Option<Self> {
        let id = match request.parameters.get("sequence_id")? {
            Parameter::Int(0) | Parameter::Uint(0) => return None,
            Parameter::Int(number) => Id::Number(u64::try_from(*number).ok()?),
            Parameter::Uint(number) => Id::Number(*number),
            Parameter::String(text) if text.is_empty() || text.len() > LONGEST_ID => return None,
            Parameter::String(text) => Id::Text(text.clone()),
            Parameter::Bool(_) | Parameter::Double(_) => return None,
        };
        let ends = request.parameters.get("sequence_end") == Some(&Parameter::Bool(true));
        Some(Self { key: Key { model: Arc::clone(model), id }, ends })
    }
}

impl Sequences {
    /// The endpoint of the request's sequence; `choose` picks one for a sequence that is new here.
    pub(crate) fn endpoint<E: From<Full>>(
        &self,
        place: &Place,
        now: Instant,
        choose: impl FnOnce() -> Result<Arc<Member>, E>,
    ) -> Result<Arc<Member>, E> {
        let mut open = self.0.lock();
        if let Some(pinned) = open.get_mut(&place.key) {
            pinned.last = now;
            let endpoint = Arc::clone(&pinned.endpoint);
            if place.ends {
                open.remove(&place.key);
            }
            return Ok(endpoint);
        }
        let endpoint = choose()?;
        if !place.ends {
            if open.len() >= MOST {
                open.retain(|_, pinned| now.saturating_duration_since(pinned.last) < FORGOTTEN);
            }
            if open.len() >= MOST {
                return Err(Full.into());
            }
            open.insert(place.key.clone(), Pinned { endpoint: Arc::clone(&endpoint), last: now });
        }
        Ok(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use sluicegate_core::{InferRequest, Parameter};

    use super::{FORGOTTEN, Full, MOST, Place, Sequences};
    use crate::balance::{Member, Pool};

    fn place(id: Parameter, end: bool) -> Option<Place> {
        let mut request = InferRequest::default();
        request.parameters.set("sequence_id", id);
        request.parameters.set("sequence_end", Parameter::Bool(end));
        Place::of(&Arc::from("m"), &request)
    }

    /// Endpoints to tell apart.
    fn members(count: usize) -> Vec<Arc<Member>> {
        let endpoint = |nth| {
            (
                sluicegate_core::Endpoint {
                    authority: format!("e{nth}").into(),
                    prefix: "".into(),
                    host: None,
                    tls: None,
                },
                1,
            )
        };
        let pool = Pool::new(&Arc::from("b"), ((0..count).map(endpoint), false), &Default::default(), None, start());
        pool.members().to_vec()
    }

    /// Which of `members` a request goes to, where a new sequence would go to the one numbered `new`.
    fn goes(
        sequences: &Sequences,
        place: &Place,
        now: Instant,
        members: &[Arc<Member>],
        new: usize,
    ) -> Result<usize, Full> {
        let chosen = sequences.endpoint::<Full>(place, now, || Ok(Arc::clone(&members[new])))?;
        Ok(members.iter().position(|member| Arc::ptr_eq(member, &chosen)).unwrap())
    }

    #[expect(clippy::disallowed_methods, reason = "a starting point for made-up times")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_sequence_stays_until_it_ends() {
        let (sequences, now, members) = (Sequences::default(), start(), members(10));
        let (middle, last) = (place(Parameter::Int(7), false).unwrap(), place(Parameter::Int(7), true).unwrap());
        assert_eq!(goes(&sequences, &middle, now, &members, 3), Ok(3));
        assert_eq!(goes(&sequences, &middle, now, &members, 4), Ok(3));
        assert_eq!(goes(&sequences, &last, now, &members, 4), Ok(3));
        assert_eq!(goes(&sequences, &middle, now, &members, 4), Ok(4), "the id is free again");
    }

    #[test]
    fn ids_that_look_alike_are_two_and_none_is_none() {
        let (sequences, now, members) = (Sequences::default(), start(), members(10));
        let number = place(Parameter::Int(1), false).unwrap();
        let text = place(Parameter::String("1".into()), false).unwrap();
        assert_eq!(goes(&sequences, &number, now, &members, 1), Ok(1));
        assert_eq!(goes(&sequences, &text, now, &members, 2), Ok(2));
        assert_eq!(goes(&sequences, &place(Parameter::Uint(1), false).unwrap(), now, &members, 9), Ok(1));
        for none in [Parameter::Int(0), Parameter::String(String::new()), Parameter::Int(-1), Parameter::Bool(true)] {
            assert_eq!(place(none, false), None);
        }
    }

    #[test]
    fn the_table_is_bounded_and_forgets() {
        let (sequences, now, members) = (Sequences::default(), start(), members(10));
        for id in 1..=MOST as u64 {
            goes(&sequences, &place(Parameter::Uint(id), false).unwrap(), now, &members, 0).unwrap();
        }
        let more = place(Parameter::String("more".into()), false).unwrap();
        assert_eq!(goes(&sequences, &more, now, &members, 0), Err(Full));
        let later = now + FORGOTTEN + Duration::from_secs(1);
        assert_eq!(goes(&sequences, &more, later, &members, 5), Ok(5));
    }
}
