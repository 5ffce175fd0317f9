//! Messages of the Open Inference Protocol over gRPC, as many as a benchmark needs, written field by field.
//!
//! Written here and not taken from `wire`: what measures the gateway must not share its mistakes.

/// The start of the paths of the protocol's calls.
pub(crate) const SERVICE: &str = "/inference.GRPCInferenceService/";

/// A protobuf message as it is written.
#[derive(Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn text(self, field: u8, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(crate) fn message(self, field: u8, message: Self) -> Self {
        self.bytes(field, &message.0)
    }

    pub(crate) fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.0.push(field << 3 | 2);
        self.varint(bytes.len());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn flag(mut self, field: u8) -> Self {
        self.0.extend_from_slice(&[field << 3, 1]);
        self
    }

    /// Integers of one `repeated int64`.
    pub(crate) fn packed(self, field: u8, numbers: &[usize]) -> Self {
        let mut packed = Self::default();
        for number in numbers {
            packed.varint(*number);
        }
        self.message(field, packed)
    }

    /// The message as gRPC frames it: uncompressed, with its length.
    pub(crate) fn framed(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        [&[0][..], &length.to_be_bytes(), &self.0].concat()
    }

    fn varint(&mut self, mut number: usize) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.0.push(low & 0x7f);
            }
            self.0.push(low | 0x80);
        }
    }
}

/// `ModelInferRequest` with one tensor of FP32.
pub(crate) fn infer_request(model: &str, id: &str, shape: &[usize], raw: &[u8]) -> Vec<u8> {
    let tensor = Message::default().text(1, "x").text(2, "FP32").packed(3, shape);
    Message::default().text(1, model).text(3, id).message(5, tensor).bytes(7, raw).framed()
}

/// `ModelInferResponse` with one tensor of FP32.
pub(crate) fn infer_response(model: &str, id: &str, shape: &[usize], raw: &[u8]) -> Vec<u8> {
    let tensor = Message::default().text(1, "y").text(2, "FP32").packed(3, shape);
    Message::default().text(1, model).text(2, "1").text(3, id).message(5, tensor).bytes(6, raw).framed()
}

/// `ModelStreamInferResponse` with an answer that has no tensors.
pub(crate) fn stream_response(model: &str, id: &str) -> Vec<u8> {
    Message::default().message(2, Message::default().text(1, model).text(2, "1").text(3, id)).framed()
}

/// The answer to `ServerLive`, `ServerReady` or `ModelReady`.
pub(crate) fn yes() -> Vec<u8> {
    Message::default().flag(1).framed()
}

/// `ServerMetadataResponse`.
pub(crate) fn server_metadata() -> Vec<u8> {
    Message::default().text(1, "mock").text(2, "1").text(3, "binary_tensor_data").framed()
}

/// `ModelMetadataResponse`.
pub(crate) fn model_metadata(model: &str) -> Vec<u8> {
    let tensor = |name| Message::default().text(1, name).text(2, "FP32");
    let both = Message::default().text(1, model).text(2, "1").text(3, "mock");
    both.message(4, tensor("x")).message(5, tensor("y")).framed()
}

#[cfg(test)]
mod tests;
