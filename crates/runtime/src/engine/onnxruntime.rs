//! The engine of a given libonnxruntime. One library a process: that is ONNX Runtime's own rule. A model reaches it
//! only after the pre-check, whole in memory, so that it opens no files.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use ort::environment::Environment;
use ort::session::{OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, Tensor as OrtTensor, TensorElementType, ValueType};
use parking_lot::Mutex;
use prost::Message;
use sluicegate_core::{DataType, Tensor};
use tract_onnx::pb::{ModelProto, TypeProto, tensor_proto, type_proto};

use super::library::{Library, preflight};
use super::{Engine, RunError, Watch};
use crate::describe::{Description, Dim, Port};
use crate::kind::OnnxRuntime;

/// The library in use and its process-wide state, which lives as long as the process.
static LOADED: Mutex<Option<(Library, Environment)>> = Mutex::new(None);

/// A model in ONNX Runtime's hands.
pub(crate) struct OrtEngine {
    description: Description,
    sessions: Vec<Mutex<Session>>,
    next: AtomicUsize,
}

impl OrtEngine {
    /// Takes a checked model.
    ///
    /// # Errors
    /// What is wrong with the library or the model, in words for the operator.
    pub(crate) fn load(
        mut model: ModelProto,
        description: &mut Description,
        settings: &OnnxRuntime,
    ) -> Result<Self, String> {
        let environment = environment(&settings.library)?;
        without_maps(&mut model);
        let bytes = model.encode_to_vec();
        drop(model);
        let open = |_| open(&environment, &bytes).map(Mutex::new);
        let sessions = (0..settings.sessions.max(1)).map(open).collect::<Result<Vec<_>, _>>()?;
        if let Some(session) = sessions.first() {
            refine(description, &session.lock())?;
        }
        Ok(Self { description: description.clone(), sessions, next: AtomicUsize::new(0) })
    }

    /// A session that is free, or the next one in turn.
    fn with_session<T>(&self, run: impl FnOnce(&mut Session) -> Result<T, RunError>) -> Result<T, RunError> {
        if let Some(mut session) = self.sessions.iter().find_map(Mutex::try_lock) {
            return run(&mut session);
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.sessions.len().max(1);
        let session = self.sessions.get(turn).ok_or_else(|| RunError::Failed("has no session".to_owned()))?;
        run(&mut session.lock())
    }
}

impl Engine for OrtEngine {
    fn platform(&self) -> &'static str {
        "onnx_onnxruntime"
    }

    fn run(&self, inputs: Vec<Option<Tensor>>, wanted: &[bool], watch: &Watch) -> Result<Vec<Tensor>, RunError> {
        let mut values: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
        for tensor in inputs.into_iter().flatten() {
            values.push((Cow::Owned(tensor.name.clone()), import(&tensor)?.into()));
        }
        let ports: Vec<&Port> =
            self.description.outputs.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(port, _)| port).collect();
        let selected = ports.iter().fold(OutputSelector::no_default(), |all, port| all.with(port.name.clone()));
        let options = RunOptions::new().map_err(|_| RunError::Failed("no room for a run".to_owned()))?;
        let options = options.with_outputs(selected);
        self.with_session(|session| {
            // The wait for a session may have been long.
            watch.check()?;
            // ONNX Runtime's own words may hold values of the inputs.
            let outputs = session
                .run_with_options(values, &options)
                .map_err(|error| RunError::Failed(format!("ONNX Runtime failed with code {:?}", error.code())))?;
            ports
                .iter()
                .map(|port| {
                    let value = outputs.get(&port.name);
                    export(&port.name, value.ok_or_else(|| RunError::Failed("an output was not made".to_owned()))?)
                })
                .collect()
        })
    }
}

fn environment(path: &str) -> Result<Environment, String> {
    let library = preflight(path)?;
    let mut loaded = LOADED.lock();
    if let Some((known, environment)) = &*loaded {
        if known.path == library.path {
            return Ok(environment.clone());
        }
        return Err(format!(
            "the process already runs ONNX Runtime {} from {}, and can run only one: name the same library on every \
             backend, and restart to change it",
            known.version,
            known.path.display()
        ));
    }
    let failed =
        |error: &dyn std::fmt::Display| format!("ONNX Runtime {} could not be started: {error}", library.version);
    let builder = ort::init_from(&library.path).map_err(|error| failed(&error))?;
    let environment = builder.with_name("sluicegate").with_telemetry(false).build().map_err(|error| failed(&error))?;
    *loaded = Some((library, environment.clone()));
    Ok(environment)
}

fn open(environment: &Environment, bytes: &[u8]) -> Result<Session, String> {
    let failed = |error: &dyn std::fmt::Display| format!("ONNX Runtime does not load it: {error}");
    // One thread a session: the pool's threads are the parallelism.
    let builder = Session::builder(environment).map_err(|error| failed(&error))?;
    let builder = builder.with_intra_threads(1).map_err(|error| failed(&error))?;
    let mut builder = builder.with_inter_threads(1).map_err(|error| failed(&error))?;
    builder.commit_from_memory(bytes).map_err(|error| failed(&error))
}

// A sequence of maps has no place in the protocol: the probabilities go out as they go in.
fn without_maps(model: &mut ModelProto) {
    let Some(graph) = model.graph.as_mut() else { return };
    for node in graph.node.iter_mut().filter(|node| node.op_type == "ZipMap") {
        "Identity".clone_into(&mut node.op_type);
        node.domain.clear();
        node.attribute.clear();
        for output in graph.output.iter_mut().filter(|output| node.output.contains(&output.name)) {
            let elem_type = tensor_proto::DataType::Float as i32;
            let tensor = type_proto::Tensor { elem_type, shape: None };
            let value = Some(type_proto::Value::TensorType(tensor));
            output.r#type = Some(TypeProto { denotation: String::new(), value });
        }
    }
}

fn refine(description: &mut Description, session: &Session) -> Result<(), String> {
    for port in &mut description.outputs {
        let found = session.outputs().iter().find(|outlet| outlet.name() == port.name).map(|outlet| outlet.dtype());
        let Some(ValueType::Tensor { ty, shape, .. }) = found else {
            return Err(format!("output '{}' is not a tensor", port.name));
        };
        port.datatype =
            datatype(*ty).ok_or_else(|| format!("output '{}' is of a type the protocol lacks", port.name))?;
        if port.dims.as_ref().is_none_or(|dims| dims.len() != shape.len()) {
            port.dims = Some(shape.iter().map(|dim| u64::try_from(*dim).map_or(Dim::Any, Dim::Fixed)).collect());
        }
    }
    Ok(())
}

fn datatype(kind: TensorElementType) -> Option<DataType> {
    Some(match kind {
        TensorElementType::Bool => DataType::Bool,
        TensorElementType::Uint8 => DataType::Uint8,
        TensorElementType::Uint16 => DataType::Uint16,
        TensorElementType::Uint32 => DataType::Uint32,
        TensorElementType::Uint64 => DataType::Uint64,
        TensorElementType::Int8 => DataType::Int8,
        TensorElementType::Int16 => DataType::Int16,
        TensorElementType::Int32 => DataType::Int32,
        TensorElementType::Int64 => DataType::Int64,
        TensorElementType::Float16 => DataType::Fp16,
        TensorElementType::Bfloat16 => DataType::Bf16,
        TensorElementType::Float32 => DataType::Fp32,
        TensorElementType::Float64 => DataType::Fp64,
        TensorElementType::String => DataType::Bytes,
        _ => return None,
    })
}

/// Reads elements of `N` bytes each.
fn elements<T, const N: usize>(data: &Bytes, read: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
}

fn import(tensor: &Tensor) -> Result<DynValue, RunError> {
    let name = &tensor.name;
    let too_large = |_| RunError::Inputs(format!("input '{name}': the shape is too large"));
    let shape: Vec<i64> =
        tensor.shape().iter().map(|dim| i64::try_from(*dim)).collect::<Result<_, _>>().map_err(too_large)?;
    let data = tensor.data();
    let made = match tensor.datatype() {
        DataType::Bool => OrtTensor::from_array((shape, elements(data, |[byte]| byte == 1))).map(OrtTensor::into_dyn),
        DataType::Uint8 => OrtTensor::from_array((shape, data.to_vec())).map(OrtTensor::into_dyn),
        DataType::Int8 => OrtTensor::from_array((shape, elements(data, i8::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Uint16 => OrtTensor::from_array((shape, elements(data, u16::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Int16 => OrtTensor::from_array((shape, elements(data, i16::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Uint32 => OrtTensor::from_array((shape, elements(data, u32::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Int32 => OrtTensor::from_array((shape, elements(data, i32::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Uint64 => OrtTensor::from_array((shape, elements(data, u64::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Int64 => OrtTensor::from_array((shape, elements(data, i64::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Fp32 => OrtTensor::from_array((shape, elements(data, f32::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Fp64 => OrtTensor::from_array((shape, elements(data, f64::from_le_bytes))).map(OrtTensor::into_dyn),
        DataType::Fp16 => {
            OrtTensor::from_array((shape, elements(data, half::f16::from_le_bytes))).map(OrtTensor::into_dyn)
        }
        DataType::Bf16 => {
            OrtTensor::from_array((shape, elements(data, half::bf16::from_le_bytes))).map(OrtTensor::into_dyn)
        }
        DataType::Bytes => {
            let texts: Result<Vec<String>, _> =
                tensor.bytes_elements().map(|element| String::from_utf8(element.to_vec())).collect();
            let texts = texts.map_err(|_| {
                RunError::Inputs(format!("input '{name}': the model takes text, and this is not UTF-8"))
            })?;
            OrtTensor::from_string_array((shape, texts.as_slice())).map(OrtTensor::into_dyn)
        }
    };
    made.map_err(|_| RunError::Failed(format!("input '{name}': no tensor of that shape could be made")))
}

fn export(name: &str, value: &DynValue) -> Result<Tensor, RunError> {
    let failed = |what: &str| RunError::Failed(format!("output '{name}': {what}"));
    let unreadable = |_: ort::Error| failed("cannot be read");
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else { return Err(failed("is not a tensor")) };
    let datatype = datatype(*ty).ok_or_else(|| failed("its type has no name in the protocol"))?;
    let shape: Vec<u64> =
        shape.iter().map(|dim| u64::try_from(*dim)).collect::<Result<_, _>>().map_err(|_| failed("has no size"))?;
    let mut data = BytesMut::new();
    macro_rules! put {
        ($($kind:ty)*) => {
            match datatype {
                $(kind if kind == <$kind as Named>::NAME => {
                    let (_, values) = value.try_extract_tensor::<$kind>().map_err(unreadable)?;
                    data.reserve(values.len() * size_of::<$kind>());
                    values.iter().for_each(|value| data.put_slice(&value.to_le_bytes()));
                })*
                DataType::Bool => {
                    let (_, values) = value.try_extract_tensor::<bool>().map_err(unreadable)?;
                    data.extend(values.iter().map(|value| u8::from(*value)));
                }
                _ => {
                    let (_, texts) = value.try_extract_strings().map_err(unreadable)?;
                    for text in texts {
                        data.put_u32_le(u32::try_from(text.len()).map_err(|_| failed("holds too long a string"))?);
                        data.put_slice(text.as_bytes());
                    }
                }
            }
        };
    }
    put!(u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 half::f16 half::bf16);
    Tensor::new(name, datatype, shape, data.freeze()).map_err(|error| RunError::Failed(error.to_string()))
}

/// The datatype that a number type is called by.
trait Named {
    const NAME: DataType;
}

macro_rules! named {
    ($($kind:ty = $name:ident)*) => { $(impl Named for $kind { const NAME: DataType = DataType::$name; })* };
}

named! {
    u8 = Uint8 u16 = Uint16 u32 = Uint32 u64 = Uint64 i8 = Int8 i16 = Int16 i32 = Int32 i64 = Int64
    f32 = Fp32 f64 = Fp64 half::f16 = Fp16 half::bf16 = Bf16
}
