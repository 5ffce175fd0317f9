//! The points at which clients leave, and what they speak.

use serde::Serialize;

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Point {
    /// It waits for a turn.
    Queued,
    /// A connection to its server is being made, and does not come about.
    Connecting,
    /// Half of its body has been sent.
    Uploading,
    /// All of it has, and nothing is answered.
    Waiting,
    /// A part of the answer has come, and no more.
    Streaming,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Over {
    Http1,
    Http2,
    Grpc,
}

/// How a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum How {
    /// Its connection is closed.
    Closes,
    /// Its connection is closed right behind the last byte it sent, which a gateway may take for a client that waits.
    ClosesAtOnce,
    /// Its connection is reset.
    Resets,
    /// Its stream is, and the connection stays.
    Cancels,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) point: Point,
    pub(super) over: Over,
    pub(super) how: How,
}

const fn case(point: Point, over: Over, how: How) -> Case {
    Case { point, over, how }
}

pub(super) const CASES: &[Case] = &[
    case(Point::Queued, Over::Http1, How::Closes),
    case(Point::Connecting, Over::Http1, How::Closes),
    case(Point::Uploading, Over::Http1, How::Closes),
    case(Point::Waiting, Over::Http1, How::Closes),
    case(Point::Waiting, Over::Http1, How::Resets),
    case(Point::Waiting, Over::Http1, How::ClosesAtOnce),
    case(Point::Streaming, Over::Http1, How::Closes),
    case(Point::Queued, Over::Http2, How::Cancels),
    case(Point::Connecting, Over::Http2, How::Cancels),
    case(Point::Uploading, Over::Http2, How::Cancels),
    case(Point::Waiting, Over::Http2, How::Cancels),
    case(Point::Waiting, Over::Http2, How::Closes),
    case(Point::Streaming, Over::Http2, How::Cancels),
    case(Point::Queued, Over::Grpc, How::Cancels),
    case(Point::Connecting, Over::Grpc, How::Cancels),
    case(Point::Uploading, Over::Grpc, How::Cancels),
    case(Point::Waiting, Over::Grpc, How::Cancels),
    case(Point::Streaming, Over::Grpc, How::Cancels),
];

impl Case {
    /// Whether a server has heard of the request. Messages of gRPC go on whole.
    pub(super) fn is_seen(&self, through: bool) -> bool {
        match self.point {
            Point::Queued | Point::Connecting => false,
            Point::Uploading => self.over != Over::Grpc || !through,
            Point::Waiting | Point::Streaming => true,
        }
    }

    /// Whether the same can be done without a gateway. The server of HTTP/1 does not speak HTTP/2.
    pub(super) fn has_control(&self) -> bool {
        self.over != Over::Http2 && !matches!(self.point, Point::Queued | Point::Connecting)
    }

    /// The model, by which the gateway knows where to send it.
    pub(super) const fn model(&self) -> &'static str {
        if matches!(self.how, How::ClosesAtOnce) {
            return "brief";
        }
        match (self.point, self.over) {
            (Point::Queued, _) => "narrow",
            (Point::Connecting, _) => "far",
            (_, Over::Grpc) => "calls",
            _ => "held",
        }
    }
}
