//! A small module for tests.

use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection,
    Function, FunctionSection, ImportSection, Module, RefType, TableSection, TableType,
    TypeSection, ValType,
};

/// A module with one imported and four own functions. The export `call` adds up the results of the others, which it calls
/// directly, through the table and as an import.
pub fn sample() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    let mut imports = ImportSection::new();
    imports.import("host", "thousand", EntityType::Function(0));
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    for number in [1, 10, 100] {
        functions.function(0);
        let mut function = Function::new([]);
        function.instructions().i32_const(number).end();
        code.function(&function);
    }
    functions.function(0);
    let mut call = Function::new([]);
    let mut instructions = call.instructions();
    instructions.call(0).call(1).i32_add().call(2).i32_add();
    instructions
        .i32_const(0)
        .call_indirect(0, 0)
        .i32_add()
        .end();
    code.function(&call);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 1,
        maximum: None,
        shared: false,
    });
    let mut exports = ExportSection::new();
    exports.export("call", ExportKind::Func, 4);
    let mut elements = ElementSection::new();
    elements.active(
        None,
        &ConstExpr::i32_const(0),
        Elements::Functions([3].as_slice().into()),
    );
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&tables)
        .section(&exports)
        .section(&elements)
        .section(&code);
    module.finish()
}

/// The result of the export `call`.
pub fn call_result(wasm: &[u8]) -> i32 {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, wasm).unwrap();
    let mut linker = wasmi::Linker::new(&engine);
    linker
        .func_wrap("host", "thousand", || 1000)
        .and_then(|linker| linker.func_wrap("layout", "entered", |_: i32| ()))
        .and_then(|linker| {
            linker.func_wrap("layout", "branched", |condition: i32, _: i32| condition)
        })
        .and_then(|linker| linker.func_wrap("layout", "called", |_: i32| ()))
        .unwrap();
    let mut store = wasmi::Store::new(&engine, ());
    let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
    let call = instance.get_typed_func::<(), i32>(&store, "call").unwrap();
    call.call(&mut store, ()).unwrap()
}
