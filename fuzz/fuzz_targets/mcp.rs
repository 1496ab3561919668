#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| entragate_fuzz::mcp(data));
