//! The module's heap, which wipes every block as it is freed. Callers' tokens and our credentials pass
//! through many buffers on their way (the host's, the parser's, the SDK's); none of them leaves them
//! behind, whoever wrote its code. What the host itself keeps is out of reach.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

struct Wiping;

#[global_allocator]
static HEAP: Wiping = Wiping;

// SAFETY: each call goes on to the system's allocator as it came. A block that grows is the trait's own
// affair: a new one, a copy, and the old one freed here.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's, of that size, until it is freed.
        unsafe {
            wipe(block, layout.size());
            System.dealloc(block, layout);
        }
    }
}

/// Volatile, since what is never read again would otherwise never be written; in words, since there
/// is much of it.
///
/// # Safety
/// `size` bytes at `block` may be written.
unsafe fn wipe(block: *mut u8, size: usize) {
    const WORD: usize = size_of::<u64>();
    let head = block.align_offset(WORD).min(size);
    let words = (size - head) / WORD;
    let tail = head + words * WORD;
    // SAFETY: all of it lies within the block, and the words are aligned.
    unsafe {
        (0..head).for_each(|at| block.add(at).write_volatile(0));
        let first = block.add(head).cast::<u64>();
        (0..words).for_each(|at| first.add(at).write_volatile(0));
        (tail..size).for_each(|at| block.add(at).write_volatile(0));
    }
}
