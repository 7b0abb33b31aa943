//! Loops that are compiled twice: for any processor of a kind, and for those with wider vectors, if the one at hand has them.
//!
//! Both do the same operations in the same order, and none is fused, so both give the same bits: wider vectors only do more lanes at a time.

/// Declares a function of slices whose loops may use AVX2 where there is AVX2.
macro_rules! wide {
    ($(#[$meta:meta])* fn $name:ident $(<const $size:ident: usize>)? ($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        fn $name $(<const $size: usize>)? ($($argument: $type),*) {
            #[inline(always)]
            fn any $(<const $size: usize>)? ($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2 $(<const $size: usize>)? ($($argument: $type),*) {
                    any $(::<$size>)? ($($argument),*);
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    #[allow(unsafe_code, reason = "the compiler cannot know what the processor was found to have")]
                    // SAFETY: AVX2 was found.
                    return unsafe { avx2 $(::<$size>)? ($($argument),*) };
                }
            }
            any $(::<$size>)? ($($argument),*);
        }
    };
}

pub(crate) use wide;
