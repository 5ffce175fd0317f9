//! YAML text to a tree that remembers places, under limits on size, depth and what aliases unfold to.
//!
//! Scalars stay text. It must not know what any key means.

mod anchors;
mod letters;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use sluicegate_core::{Mistake, Node, Source, Span, Value};

use self::anchors::{Anchors, MAX_DEPTH, Weight};
use crate::MAX_FILE;
use crate::mistakes::Mistakes;

/// Reads `source`. `None` where its text is no YAML, or more than the limits allow; the mistakes then say why.
pub(crate) fn parse(source: &Source, mistakes: &mut Mistakes) -> Option<Node> {
    let (node, whole) = read(source, mistakes);
    node.filter(|_| whole)
}

/// Reads as much of `source` as can be read.
pub(crate) fn parse_part(source: &Source) -> Option<Node> {
    read(source, &mut Mistakes::default()).0
}

/// The place where a file begins.
pub(crate) fn start(source: &Source) -> Span {
    Span { file: source.path.clone(), line: 1, column: 1 }
}

/// The tree, and whether it is all of the file.
fn read(source: &Source, mistakes: &mut Mistakes) -> (Option<Node>, bool) {
    if source.text.len() > MAX_FILE {
        let limit = MAX_FILE >> 20;
        mistakes.helped(
            &start(source),
            format!("the file is larger than {limit} MiB"),
            "use several files (`include`)",
        );
        return (None, false);
    }
    if let Some(mistake) = letters::forbidden(source) {
        mistakes.push(mistake);
        return (None, false);
    }
    let mut reader = Reader { source, mistakes, open: Vec::new(), anchors: Anchors::default(), root: None };
    let whole = match reader.run() {
        Ok(()) => true,
        Err(Stop(mistake)) => {
            reader.mistakes.push(mistake);
            reader.close_all();
            false
        }
    };
    // A file of nothing but comments has no document at all.
    let nothing = || Node { value: Value::Null, span: start(source) };
    (reader.root.or_else(|| whole.then(nothing)), whole)
}

/// Why reading ended early.
struct Stop(Mistake);

/// Builds a tree from events, without recursion.
struct Reader<'a> {
    source: &'a Source,
    mistakes: &'a mut Mistakes,
    open: Vec<Frame>,
    anchors: Anchors,
    root: Option<Node>,
}

/// A sequence or mapping that has begun.
struct Frame {
    span: Span,
    anchor: usize,
    weight: Weight,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(String, Span, Node)>, key: Key },
}

/// Where a mapping stands: before a key, or behind one.
enum Key {
    Awaited,
    Named(String, Span),
    /// A key that was refused; its value is dropped.
    Refused,
}

impl Reader<'_> {
    fn run(&mut self) -> Result<(), Stop> {
        let mut parser = Parser::new_from_str(&self.source.text);
        let mut documents = 0_u32;
        // The parser's own loop recurses; events are pulled one by one instead.
        while let Some(event) = parser.next_event() {
            let (event, at) = event.map_err(|error| {
                let span = self.span(error.marker());
                Stop(Mistake::at(&span, format!("this is not YAML: {}", error.info())))
            })?;
            let span = self.span(&at.start);
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                if documents > 1 {
                    return Err(Stop(
                        Mistake::at(&span, "a second document begins here").help("a file holds one: use several files"),
                    ));
                }
            }
            self.event(event, span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                if self.at_key() {
                    self.key(&text, style, span);
                    return Ok(());
                }
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                // Where nothing is written the parser points at what follows; the key is the better place.
                let span = if text.is_empty() && null { self.key_span().unwrap_or(span) } else { span };
                let value = if null { Value::Null } else { Value::Scalar(text.into_owned()) };
                let weight = Weight::of(&value);
                self.anchors.charge(weight, &span).map_err(Stop)?;
                self.add(Node { value, span }, weight, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                self.begin(span, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), &span);
                self.begin(span, anchor, Content::Map { entries: Vec::new(), key: Key::Awaited })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.unfold(anchor, self.open.len(), &span).map_err(Stop)? {
                Some((node, weight)) => self.add(node, weight, 0),
                None => Err(Stop(Mistake::at(&span, "an alias stands inside what it names"))),
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn refuse_tag(&mut self, tagged: bool, span: &Span) {
        if tagged {
            self.mistakes.helped(span, "a tag (`!`) has no meaning here", "leave it out: each key says how it is read");
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, content: Content) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return Err(Stop(Mistake::at(&span, format!("nested deeper than {MAX_DEPTH} levels"))));
        }
        let weight = Weight::of(&Value::Null);
        self.anchors.charge(weight, &span).map_err(Stop)?;
        self.open.push(Frame { span, anchor, weight, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(Frame { span, anchor, weight, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, .. } => Value::Map(self.unique(entries)),
        };
        self.add(Node { value, span }, weight.within(), anchor)
    }

    /// Puts a finished piece where it belongs.
    fn add(&mut self, node: Node, weight: Weight, anchor: usize) -> Result<(), Stop> {
        self.anchors.remember(anchor, &node, weight).map_err(Stop)?;
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.weight = frame.weight.and(weight);
        match &mut frame.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key } => match std::mem::replace(key, Key::Awaited) {
                Key::Named(name, span) => entries.push((name, span, node)),
                Key::Refused => {}
                Key::Awaited => {
                    *key = Key::Refused;
                    self.mistakes.helped(&node.span, "a key must be plain text", "write `key: value`");
                }
            },
        }
        Ok(())
    }

    fn at_key(&self) -> bool {
        matches!(self.open.last(), Some(Frame { content: Content::Map { key: Key::Awaited, .. }, .. }))
    }

    fn key_span(&self) -> Option<Span> {
        match self.open.last() {
            Some(Frame { content: Content::Map { key: Key::Named(_, span), .. }, .. }) => Some(span.clone()),
            _ => None,
        }
    }

    fn key(&mut self, text: &str, style: ScalarStyle, span: Span) {
        let plain = style == ScalarStyle::Plain;
        let next = if plain && text.is_empty() {
            self.mistakes.helped(&span, "a key is missing", "write `key: value`");
            Key::Refused
        } else if plain && text == "<<" {
            self.mistakes.helped(&span, "`<<` is not supported", "write the keys out, or set them once in `defaults`");
            Key::Refused
        } else {
            Key::Named(text.to_owned(), span)
        };
        let weight = Weight::of_key(text);
        if let Some(Frame { content: Content::Map { key, .. }, weight: whole, .. }) = self.open.last_mut() {
            *whole = whole.and(weight);
            *key = next;
        }
    }

    /// The entries less those whose key was already given.
    fn unique(&mut self, entries: Vec<(String, Span, Node)>) -> Vec<(String, Span, Node)> {
        let mut first = std::collections::HashMap::with_capacity(entries.len());
        let mut again = std::collections::HashSet::new();
        for (index, (key, span, _)) in entries.iter().enumerate() {
            if let Some(before) = first.get(key.as_str()) {
                again.insert(index);
                let key = crate::words::quoted(key);
                self.mistakes.helped(span, format!("{key} is given twice"), format!("it is also given at {before}"));
            } else {
                first.insert(key.as_str(), span);
            }
        }
        drop(first);
        if again.is_empty() {
            return entries;
        }
        entries.into_iter().enumerate().filter(|(index, _)| !again.contains(index)).map(|(_, entry)| entry).collect()
    }

    /// Ends what is still open, so that what was read so far can be looked at.
    fn close_all(&mut self) {
        while !self.open.is_empty() {
            // Each end takes one level away, also where the budget is used up and its content is lost.
            let _ = self.end();
        }
    }

    fn span(&self, marker: &Marker) -> Span {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Span {
            file: self.source.path.clone(),
            line: count(marker.line()).max(1),
            column: count(marker.col()).saturating_add(1),
        }
    }
}
