//! Inserts all mutants of a file into it, each behind a condition that is evaluated at run time. No lines are added, so the position of a
//! compiler error identifies its mutant.

use crate::list::{Genre, Mutant};
use proc_macro2::LineColumn;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, Block, Expr, ExprBinary, ExprStruct, ExprUnary, Signature, Stmt};

/// A file with its mutants.
pub struct Spliced {
    pub text: String,
    /// The bytes of each mutant, with its number.
    pub regions: Vec<(Range<usize>, usize)>,
    /// Mutants that Rust does not allow: `||` instead of `&&` next to a `let`.
    pub impossible: Vec<usize>,
}

/// `mutants`: those of this file. Mutants that cannot be enabled at run time get no region. `const` is removed from functions, since a
/// constant function cannot evaluate the condition, except from those in `constant`.
pub fn splice(source: &str, mutants: &[&Mutant], constant: &BTreeSet<String>) -> Spliced {
    let file = syn::parse_file(source).expect("the sources can be parsed");
    let mut splicer = Splicer {
        source,
        mutants,
        constant,
        inserts: Vec::new(),
        impossible: Vec::new(),
    };
    splicer.visit_file(&file);
    splicer.finish()
}

struct Splicer<'a> {
    source: &'a str,
    mutants: &'a [&'a Mutant],
    constant: &'a BTreeSet<String>,
    inserts: Vec<Insert>,
    impossible: Vec<usize>,
}

struct Insert {
    at: usize,
    closes: bool,
    text: String,
    mutant: Option<usize>,
}

impl<'a> Splicer<'a> {
    fn finish(self) -> Spliced {
        let mut inserts: Vec<(usize, Insert)> = self.inserts.into_iter().enumerate().collect();
        // A node that is visited later is inside: it opens later and closes earlier.
        inserts.sort_by_key(|(order, insert)| match insert.closes {
            true => (insert.at, false, Reverse(*order), 0),
            false => (insert.at, true, Reverse(0), *order),
        });
        let (mut text, mut regions, mut copied) = (String::new(), Vec::new(), 0);
        for (_, insert) in inserts {
            text.push_str(&self.source[copied..insert.at]);
            copied = insert.at;
            let start = text.len();
            text.push_str(&insert.text);
            regions.extend(insert.mutant.map(|id| (start..text.len(), id)));
        }
        text.push_str(&self.source[copied..]);
        Spliced {
            text,
            regions,
            impossible: self.impossible,
        }
    }

    fn at(&self, genre: Genre, node: &impl Spanned) -> Vec<&'a Mutant> {
        let LineColumn { line, column } = node.span().start();
        let here = |mutant: &&&Mutant| {
            let start = &mutant.span.start;
            mutant.genre == genre && (start.line, start.column) == (line, column + 1)
        };
        self.mutants.iter().filter(here).copied().collect()
    }

    fn range(&self, node: &impl Spanned) -> Range<usize> {
        node.span().byte_range()
    }

    fn text(&self, node: &impl Spanned) -> &'a str {
        &self.source[self.range(node)]
    }

    fn open(&mut self, at: usize, text: impl Into<String>, mutant: Option<&Mutant>) {
        self.insert(at, false, text.into(), mutant);
    }

    fn close(&mut self, at: usize, text: &str) {
        self.insert(at, true, text.to_owned(), None);
    }

    fn insert(&mut self, at: usize, closes: bool, text: String, mutant: Option<&Mutant>) {
        let mutant = mutant.map(|mutant| mutant.id);
        self.inserts.push(Insert {
            at,
            closes,
            text,
            mutant,
        });
    }

    /// Replaces the node by a choice between it and these texts.
    fn choose(&mut self, node: &impl Spanned, instead: Vec<(&Mutant, String)>) {
        if instead.is_empty() {
            return;
        }
        let Range { start, end } = self.range(node);
        self.open(start, "(", None);
        for (mutant, text) in instead {
            let choice = format!("if {} {{ {text} }} else ", mutant.condition());
            self.open(start, choice, Some(mutant));
        }
        self.open(start, "{ (", None);
        self.close(end, ") })");
    }

    /// Returns whether the function's code can evaluate conditions.
    fn function(&mut self, signature: &Signature, block: &Block) -> bool {
        let runs = !self.constant.contains(&signature.ident.to_string());
        if let (true, Some(constness)) = (runs, &signature.constness) {
            let Range { start, end } = self.range(constness);
            self.open(start, "/*", None);
            self.close(end, "*/");
        }
        if let (true, [first, ..]) = (runs, block.stmts.as_slice()) {
            let mutants = self.at(Genre::FnValue, first);
            match self.text(&signature.output).contains("impl ") {
                true => self.iterator(block, mutants),
                false => self.returns(first, mutants),
            }
        }
        runs
    }

    /// Inserts early returns with the mutants' values.
    fn returns(&mut self, first: &Stmt, mutants: Vec<&Mutant>) {
        let at = self.range(first).start;
        for mutant in mutants {
            let (condition, value) = (mutant.condition(), &mutant.replacement);
            self.open(
                at,
                format!("if {condition} {{ return {value}; }} "),
                Some(mutant),
            );
        }
    }

    /// The iterators of an `impl Iterator` and of its mutant have different types, so both are wrapped in a third. Mutants of other opaque
    /// types are not supported.
    fn iterator(&mut self, block: &Block, mutants: Vec<&Mutant>) {
        let body = self.text(block);
        let fits = |mutant: &&Mutant| mutant.replacement.starts_with("::std::iter::");
        if mutants.is_empty() || !mutants.iter().all(fits) || body.contains("return ") {
            return;
        }
        let Range { start, end } = self.range(block);
        self.open(start + 1, " crate::mutant::or({", None);
        // Texts that close at the same place are inserted in reverse order.
        self.close(end - 1, "{ None }) ");
        for mutant in mutants {
            let (condition, items) = (mutant.condition(), &mutant.replacement);
            let choice = format!("if {condition} {{ Some({items}.collect()) }} else ");
            self.insert(end - 1, true, choice, Some(mutant));
        }
        self.close(end - 1, "}, ");
    }

    /// Finds the mutants of the operators of an expression without parentheses. An operator is replaced in the text of the whole
    /// expression, as in cargo-mutants, since another operator can have another precedence.
    fn operators(
        &self,
        whole: &ExprBinary,
        node: &ExprBinary,
        found: &mut Vec<(&'a Mutant, String)>,
    ) {
        let start = self.range(whole).start;
        for mutant in self.at(Genre::BinaryOperator, &node.op) {
            let operator = self.range(&node.op);
            let mut text = self.text(whole).to_owned();
            text.replace_range(
                operator.start - start..operator.end - start,
                &mutant.replacement,
            );
            found.push((mutant, text));
        }
        for side in [&node.left, &node.right] {
            if let Expr::Binary(inner) = &**side {
                self.operators(whole, inner, found);
            }
        }
    }

    fn operands<'n>(&mut self, node: &'n ExprBinary, each: &mut dyn FnMut(&mut Self, &'n Expr)) {
        for side in [&*node.left, &*node.right] {
            match side {
                Expr::Binary(inner) => self.operands(inner, each),
                other => each(self, other),
            }
        }
    }
}

/// Whether the expression binds names (`if let … && …`), so it cannot be wrapped.
fn binds(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(node) => binds(&node.left) || binds(&node.right),
        _ => false,
    }
}

impl<'n> Visit<'n> for Splicer<'_> {
    fn visit_item_fn(&mut self, node: &'n syn::ItemFn) {
        if self.function(&node.sig, &node.block) {
            visit::visit_item_fn(self, node);
        }
    }

    fn visit_impl_item_fn(&mut self, node: &'n syn::ImplItemFn) {
        if self.function(&node.sig, &node.block) {
            visit::visit_impl_item_fn(self, node);
        }
    }

    fn visit_trait_item_fn(&mut self, node: &'n syn::TraitItemFn) {
        if let Some(block) = &node.default
            && self.function(&node.sig, block)
        {
            visit::visit_trait_item_fn(self, node);
        }
    }

    fn visit_item_const(&mut self, _: &'n syn::ItemConst) {}

    fn visit_impl_item_const(&mut self, _: &'n syn::ImplItemConst) {}

    fn visit_expr_binary(&mut self, node: &'n ExprBinary) {
        if binds(&node.left) || binds(&node.right) {
            let mutants = self.at(Genre::BinaryOperator, &node.op);
            let impossible = mutants.iter().filter(|mutant| mutant.replacement == "||");
            self.impossible.extend(impossible.map(|mutant| mutant.id));
            return visit::visit_expr_binary(self, node);
        }
        let mut found = Vec::new();
        self.operators(node, node, &mut found);
        self.choose(node, found);
        self.operands(node, &mut |splicer, operand| splicer.visit_expr(operand));
    }

    fn visit_expr_unary(&mut self, node: &'n ExprUnary) {
        let bare = self.text(&node.expr);
        let mutants = self.at(Genre::UnaryOperator, node);
        self.choose(
            node,
            mutants
                .into_iter()
                .map(|mutant| (mutant, bare.to_owned()))
                .collect(),
        );
        visit::visit_expr_unary(self, node);
    }

    fn visit_arm(&mut self, node: &'n Arm) {
        let gone = self.at(Genre::MatchArm, node);
        match &node.guard {
            None => {
                for mutant in gone {
                    let at = self.range(&node.pat).end;
                    self.open(at, format!(" if !{}", mutant.condition()), Some(mutant));
                }
            }
            Some((_, guard)) if !binds(guard) => {
                let Range { start, end } = self.range(guard);
                self.open(start, "(", None);
                for mutant in gone {
                    self.open(start, format!("!{} && ", mutant.condition()), Some(mutant));
                }
                self.open(start, "(", None);
                let mut replaced = self.at(Genre::MatchArmGuard, guard);
                // `true || !false && (guard)`: in this order, the precedence is right.
                replaced.sort_by_key(|mutant| mutant.replacement != "true");
                for mutant in replaced {
                    let text = match mutant.replacement.as_str() {
                        "true" => format!("{} || ", mutant.condition()),
                        _ => format!("!{} && ", mutant.condition()),
                    };
                    self.open(start, text, Some(mutant));
                }
                self.open(start, "(", None);
                self.close(end, ")))");
            }
            Some(_) => {}
        }
        visit::visit_arm(self, node);
    }

    fn visit_expr_struct(&mut self, node: &'n ExprStruct) {
        for (field, rest) in node.fields.iter().zip(std::iter::repeat(&node.rest)) {
            let Some(rest) = rest else { continue };
            for mutant in self.at(Genre::StructField, field) {
                let Range { start, end } = self.range(&field.expr);
                let name = self.text(&field.member);
                let label = if field.colon_token.is_none() {
                    format!("{name}: ")
                } else {
                    String::new()
                };
                let text = format!(
                    "{label}if {} {{ ({}).{name} }} else {{ ",
                    mutant.condition(),
                    self.text(rest)
                );
                self.open(start, text, Some(mutant));
                self.close(end, " }");
            }
        }
        visit::visit_expr_struct(self, node);
    }
}
