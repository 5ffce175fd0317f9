//! Feeds the target of the same name from libFuzzer.
#![no_main]

#[path = "../targets/onnx_load.rs"]
mod target;

libfuzzer_sys::fuzz_target!(
    init: {
        // The engine may panic over a model; the runtime loads it on a thread of this name, and catches that there.
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some("model-load") {
                abort(panic);
            }
        }));
    },
    |data: &[u8]| target::run(data)
);
