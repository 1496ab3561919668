//! The module's allocator, which wipes every block when it is freed. Tokens and credentials pass through many
//! buffers (of the host interface, parsers and the SDK), and all of them are wiped this way. The filter cannot wipe the
//! host's own memory.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

struct Wiping;

#[global_allocator]
static HEAP: Wiping = Wiping;

// SAFETY: each call is delegated unchanged to the system allocator. Reallocation is the trait's default: a new
// block, a copy, and the old block freed here.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the system allocator's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller owns the block, which has this size, until it is freed.
        unsafe {
            wipe(block, layout.size());
            System.dealloc(block, layout);
        }
    }
}

/// Overwrites a block with zeros. Volatile writes prevent the compiler from removing them; whole words make it
/// fast.
///
/// # Safety
/// `size` bytes at `block` must be writable.
unsafe fn wipe(block: *mut u8, size: usize) {
    const WORD: usize = size_of::<u64>();
    let head = block.align_offset(WORD).min(size);
    let words = (size - head) / WORD;
    let tail = head + words * WORD;
    // SAFETY: all writes are within the block, and the words are aligned.
    unsafe {
        (0..head).for_each(|at| block.add(at).write_volatile(0));
        let first = block.add(head).cast::<u64>();
        (0..words).for_each(|at| first.add(at).write_volatile(0));
        (tail..size).for_each(|at| block.add(at).write_volatile(0));
    }
}
