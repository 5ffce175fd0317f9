//! What a message becomes on its way, and for what reason it is refused: the whole of what is promised, in one place.
//!
//! - **Binary data and raw contents** carry every tensor to the last bit.
//! - **Numbers in JSON** carry every integer and every finite float; a NaN loses its payload, and is refused by some
//!   policies, as are infinities. `BF16`, and in answers `FP16`, have no JSON form; nor have `BYTES` that are not UTF-8.
//! - **Typed contents** carry all but `FP16` and `BF16`, and tensors that have a name.
//! - **Parameters** that steer the form of a REST message belong to the one who writes it, and those that steer Triton's
//!   streams do not go to a backend over REST. JSON has no number for a double that is not finite. A server of KServe's older protocol takes neither doubles nor integers beyond 63 bits.
//! - **gRPC** does not tell an empty id or version from none, and counts dimensions in 63 bits.

use bytes::Bytes;
use half::f16;
use sluicegate_core::{DataType, InferRequest, InferResponse, NonFinite, Parameter, Parameters, Tensor};
use sluicegate_wire::{oip_grpc, oip_rest};

/// What a form makes of a message: the message as it arrives, or the words in which it is refused.
pub(crate) type Outcome<T> = Result<T, String>;

const NAN: u64 = 0x7ff8 << 48;

/// Over REST with every tensor as binary data.
pub(crate) fn rest_binary(request: &InferRequest) -> Outcome<InferRequest> {
    let mut request = request.clone();
    steering_is_dropped(&mut request);
    streaming_is_dropped(&mut request);
    numbers_have_json(&request)?;
    no_shared_memory(&request)?;
    Ok(request)
}

/// Over REST as JSON, to a server that reads half-width floats there as MLServer does.
pub(crate) fn rest_json(request: &InferRequest, policy: NonFinite) -> Outcome<InferRequest> {
    use oip_rest::client::EncodeError;
    let mut request = request.clone();
    steering_is_dropped(&mut request);
    streaming_is_dropped(&mut request);
    parameters_have_json(&request.parameters)?;
    for input in &mut request.inputs {
        parameters_have_json(&input.parameters)?;
        let tensor = input.name.clone();
        let datatype = input.datatype();
        *input = json(input, policy).map_err(|why| {
            let error = match why {
                Why::Datatype => EncodeError::NoJsonForm { tensor, datatype },
                Why::NotUtf8 => EncodeError::NotUtf8 { tensor },
                Why::NotFinite => EncodeError::NotFinite { tensor },
            };
            error.to_string()
        })?;
    }
    for output in &request.outputs {
        parameters_have_json(&output.parameters)?;
    }
    no_shared_memory(&request)?;
    Ok(request)
}

/// Over REST from a client that sends some tensors as JSON and the others as binary data.
pub(crate) fn rest_mixed(request: &InferRequest, as_json: impl Fn(usize) -> bool) -> Outcome<InferRequest> {
    let mut request = request.clone();
    steering_is_dropped(&mut request);
    no_shared_memory(&request)?;
    for (index, input) in request.inputs.iter_mut().enumerate().filter(|(index, _)| as_json(*index)) {
        *input = json(input, NonFinite::Token).map_err(|_| format!("input {index} has no JSON form"))?;
    }
    Ok(request)
}

/// Over gRPC with raw contents, to a server that is old or not.
pub(crate) fn grpc(request: &InferRequest, old: bool) -> Outcome<InferRequest> {
    let mut request = request.clone();
    let known = |parameters: &Parameters| if old { old_server_knows(parameters) } else { Ok(()) };
    known(&request.parameters)?;
    for input in &request.inputs {
        dimensions_fit(input)?;
        known(&input.parameters)?;
    }
    for output in &request.outputs {
        known(&output.parameters)?;
    }
    no_shared_memory(&request)?;
    sizes_are_dropped(&mut request.inputs);
    request.id = request.id.filter(|id| !id.is_empty());
    Ok(request)
}

/// Over gRPC with typed contents, as a client of generated code sends them.
pub(crate) fn grpc_typed(request: &InferRequest) -> Outcome<InferRequest> {
    let mut request = request.clone();
    described(&request.inputs)?;
    no_shared_memory(&request)?;
    request.inputs.iter().try_for_each(typed)?;
    sizes_are_dropped(&mut request.inputs);
    request.id = request.id.filter(|id| !id.is_empty());
    Ok(request)
}

/// An answer over REST, each output as binary data or as JSON.
pub(crate) fn rest_answer(
    response: &InferResponse,
    policy: NonFinite,
    binary: impl Fn(usize) -> bool,
) -> Outcome<InferResponse> {
    let mut response = response.clone();
    let answered = "the model answered NaN or an infinity, which";
    let finite = |parameters: &Parameters| match first_not_finite(parameters) {
        Some(name) => Err(format!("parameter '{name}': {answered} JSON has no number for")),
        None => Ok(()),
    };
    finite(&response.parameters)?;
    for (index, output) in response.outputs.iter_mut().enumerate() {
        output.parameters.remove("binary_data_size");
        finite(&output.parameters)?;
        if binary(index) {
            continue;
        }
        let (name, datatype) = (output.name.clone(), output.datatype());
        let ask = "ask for it as binary data (binary_data)";
        *output = json_without_half(output, policy).map_err(|why| match why {
            Why::Datatype => format!("tensor '{name}': {datatype} has no JSON form; {ask}"),
            Why::NotUtf8 => format!("tensor '{name}': a BYTES element is not UTF-8; {ask}"),
            Why::NotFinite => format!("tensor '{name}': {answered} is not passed on as JSON; {ask}"),
        })?;
    }
    response.outputs.iter().try_for_each(data_itself)?;
    Ok(response)
}

/// An answer over gRPC, alone or in a stream.
pub(crate) fn grpc_answer(response: &InferResponse) -> Outcome<InferResponse> {
    let mut response = response.clone();
    // The reason is for the operator; the client did nothing wrong.
    let no_form = |_| "the model's answer has no form in gRPC".to_owned();
    response.outputs.iter().try_for_each(dimensions_fit).map_err(no_form)?;
    response.outputs.iter().try_for_each(data_itself)?;
    sizes_are_dropped(&mut response.outputs);
    response.id = response.id.filter(|id| !id.is_empty());
    response.model_version = response.model_version.filter(|version| !version.is_empty());
    Ok(response)
}

/// An answer over gRPC with typed contents, as some servers send it.
pub(crate) fn grpc_typed_answer(response: &InferResponse) -> Outcome<InferResponse> {
    let mut response = response.clone();
    described(&response.outputs)?;
    response.outputs.iter().try_for_each(typed)?;
    sizes_are_dropped(&mut response.outputs);
    response.id = response.id.filter(|id| !id.is_empty());
    response.model_version = response.model_version.filter(|version| !version.is_empty());
    Ok(response)
}

enum Why {
    Datatype,
    NotUtf8,
    NotFinite,
}

/// A tensor after it was written as JSON and read.
fn json(tensor: &Tensor, policy: NonFinite) -> Result<Tensor, Why> {
    let data = tensor.data();
    let data = match tensor.datatype() {
        DataType::Bf16 => return Err(Why::Datatype),
        DataType::Bytes => {
            let text = tensor.bytes_elements().all(|element| std::str::from_utf8(&element).is_ok());
            if text { data.clone() } else { return Err(Why::NotUtf8) }
        }
        DataType::Fp16 => floats(data, policy, |bits| f16::from_le_bytes(bits).into(), f16::NAN.to_le_bytes())?,
        DataType::Fp32 => floats(data, policy, |bits| f32::from_le_bytes(bits).into(), f32::NAN.to_le_bytes())?,
        DataType::Fp64 => floats(data, policy, f64::from_le_bytes, NAN.to_le_bytes())?,
        _ => data.clone(),
    };
    let same = Tensor::new(tensor.name.clone(), tensor.datatype(), tensor.shape().to_vec(), data).unwrap();
    Ok(same.with_parameters(tensor.parameters.clone()))
}

fn json_without_half(tensor: &Tensor, policy: NonFinite) -> Result<Tensor, Why> {
    if tensor.datatype() == DataType::Fp16 { Err(Why::Datatype) } else { json(tensor, policy) }
}

fn floats<const N: usize>(
    data: &Bytes,
    policy: NonFinite,
    value: fn([u8; N]) -> f64,
    nan: [u8; N],
) -> Result<Bytes, Why> {
    let mut kept = Vec::with_capacity(data.len());
    for bits in data.as_chunks::<N>().0 {
        let number = value(*bits);
        let good = match policy {
            NonFinite::Token => true,
            NonFinite::Null => !number.is_infinite(),
            NonFinite::Reject => number.is_finite(),
        };
        if !good {
            return Err(Why::NotFinite);
        }
        kept.extend(if number.is_nan() { nan } else { *bits });
    }
    Ok(kept.into())
}

fn typed(tensor: &Tensor) -> Outcome<()> {
    let half = matches!(tensor.datatype(), DataType::Fp16 | DataType::Bf16);
    let what = format!("{} has no typed form; send it as raw contents", tensor.datatype());
    if half && tensor.elements() > 0 { Err(format!("tensor '{}': {what}", tensor.name)) } else { Ok(()) }
}

/// Generated code has signed dimensions, so that one beyond 63 bits is negative, and does not write an empty name.
fn described(tensors: &[Tensor]) -> Outcome<()> {
    for (index, tensor) in tensors.iter().enumerate() {
        let nameless = tensor.name.is_empty();
        let label = if nameless { format!("tensor number {}", index + 1) } else { format!("tensor '{}'", tensor.name) };
        dimensions_fit(tensor).map_err(|_| format!("{label}: a dimension must be a whole number from 0 on"))?;
        data_itself(tensor).map_err(|why| why.replacen(&format!("tensor '{}'", tensor.name), &label, 1))?;
        if nameless {
            return Err(format!("{label}: it has no name"));
        }
    }
    Ok(())
}

fn dimensions_fit(tensor: &Tensor) -> Outcome<()> {
    let fit = tensor.shape().iter().all(|dimension| i64::try_from(*dimension).is_ok());
    let error = || oip_grpc::client::EncodeError::Dimension { tensor: tensor.name.clone() };
    if fit { Ok(()) } else { Err(error().to_string()) }
}

fn old_server_knows(parameters: &Parameters) -> Outcome<()> {
    let unknown = parameters.iter().find(|(_, value)| matches!(value, Parameter::Double(_) | Parameter::Uint(_)));
    let error = |name: &str| oip_grpc::client::EncodeError::Parameter { name: name.to_owned() };
    unknown.map_or(Ok(()), |(name, _)| Err(error(name).to_string()))
}

fn steering_is_dropped(request: &mut InferRequest) {
    request.parameters.remove("binary_data_output");
    sizes_are_dropped(&mut request.inputs);
    request.outputs.iter_mut().for_each(|output| drop(output.parameters.remove("binary_data")));
}

/// A size that came with a tensor is that of binary data behind it, which is no more where it goes.
fn sizes_are_dropped(tensors: &mut [Tensor]) {
    tensors.iter_mut().for_each(|tensor| drop(tensor.parameters.remove("binary_data_size")));
}

/// Triton's REST refuses the parameters that steer its streams.
fn streaming_is_dropped(request: &mut InferRequest) {
    let kept = request.parameters.iter().filter(|(name, _)| !name.starts_with("triton_"));
    request.parameters = kept.map(|(name, value)| (name.to_owned(), value.clone())).collect();
}

fn numbers_have_json(request: &InferRequest) -> Outcome<()> {
    let inputs = request.inputs.iter().map(|input| &input.parameters);
    let outputs = request.outputs.iter().map(|output| &output.parameters);
    std::iter::once(&request.parameters).chain(inputs).chain(outputs).try_for_each(parameters_have_json)
}

fn parameters_have_json(parameters: &Parameters) -> Outcome<()> {
    let error = |name: &str| oip_rest::client::EncodeError::Parameter { name: name.to_owned() };
    first_not_finite(parameters).map_or(Ok(()), |name| Err(error(name).to_string()))
}

fn first_not_finite(parameters: &Parameters) -> Option<&str> {
    let not_finite = |value: &Parameter| matches!(value, Parameter::Double(value) if !value.is_finite());
    parameters.iter().find(|(_, value)| not_finite(value)).map(|(name, _)| name)
}

fn no_shared_memory(request: &InferRequest) -> Outcome<()> {
    request.inputs.iter().try_for_each(data_itself)?;
    match request.outputs.iter().find(|output| asks_for_shared_memory(&output.parameters)) {
        Some(output) => Err(format!("output '{}': shared memory does not reach through a gateway", output.name)),
        None => Ok(()),
    }
}

fn data_itself(tensor: &Tensor) -> Outcome<()> {
    let what = "shared memory does not reach through a gateway; send the data itself";
    let asks = asks_for_shared_memory(&tensor.parameters);
    if asks { Err(format!("tensor '{}': {what}", tensor.name)) } else { Ok(()) }
}

fn asks_for_shared_memory(parameters: &Parameters) -> bool {
    parameters.iter().any(|(name, _)| name.starts_with("shared_memory_"))
}
