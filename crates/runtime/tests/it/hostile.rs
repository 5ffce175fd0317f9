//! Files that mean harm: each is refused when it is loaded or fails when it is run, in words, with bounded memory.

use crate::harness::{models, request, tensor, try_load};
use serde_json::json;
use sluicegate_core::DataType;
#[test]
fn explore() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(models().join("hostile"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "onnx"))
        .collect();
    names.sort();
    for path in names {
        println!("-- {}", path.file_name().unwrap().display());
        match try_load(&path, &[("threads", "1"), ("max_tensor_size", "16MiB")]) {
            Err(errors) => println!("   refused: {}", errors[0].message.rsplit("onnx): ").next().unwrap()),
            Ok(one) => {
                let metadata = runtime.block_on(one.metadata());
                println!("   LOADED {:?} -> {:?}", metadata.inputs, metadata.outputs);
                let inputs = metadata
                    .inputs
                    .iter()
                    .map(|input| {
                        let shape: Vec<u64> = input.shape.iter().map(|d| u64::try_from(*d).unwrap_or(4)).collect();
                        let n = shape.iter().product::<u64>();
                        let data = (0..n)
                            .map(|_| match input.datatype {
                                DataType::Bytes => json!("a"),
                                DataType::Bool => json!(true),
                                DataType::Int64 => json!(17179869184_i64),
                                _ => json!(1),
                            })
                            .collect::<Vec<_>>();
                        tensor(&input.name, input.datatype, &shape, &data)
                    })
                    .collect();
                let deadline = std::time::Duration::from_secs(3);
                let r =
                    runtime.block_on(one.upstream.call(&one.endpoint, crate::harness::call(request(inputs), deadline)));
                match r {
                    Ok(_) => println!("   ANSWERED"),
                    Err(e) => println!("   error {e} / {:?}", e.public),
                }
            }
        }
    }
}
