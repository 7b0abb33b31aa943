//! The functions of C's `math.h` that the encoders for MP3 and Opus call, by the `libm` crate, under C's names: so that an encoder
//! computes the same on every machine, and in the browser (for Opus that is not enough, see `docs/decisions/0013-which-encoders.md`).
//!
//! `f32::sin` and the like become calls of `sinf` and so on, which the linker looks for. On WASM it finds those of Rust's
//! `compiler-builtins`, natively those of the C library, whose last bits are others; an encoder takes its decisions from them, and its
//! bytes differ. What is defined in a program comes before libraries, so with this module it finds these instead, wherever an encoder
//! may be: on Linux always, on WASM with the feature `c_maths`.
//!
//! They then serve the whole program, including what is written in C (libvorbis, SQLite); their error is below one unit in the last
//! place, as that of the functions that they stand for. The engine has functions of its own in `dsp`, and calls neither. What has only
//! one right result (roots, rounding, remainders) differs nowhere and is not here.
//! LLVM computes some calls with constants itself, by the functions of the machine that compiles: of 64-bit sines and powers, which
//! the encoders round to 32 bits. Compiled without that (`-Cllvm-args=-disable-fp-call-folding`), they write the same bytes.
#![allow(
    unsafe_code,
    reason = "a name that is not mangled is one that another library may have, which is what is wanted here"
)]

/// Defines functions under C's names, each by the one of the same name in `libm`.
macro_rules! by_libm {
    ($($name:ident($($argument:ident),+) -> $number:ty;)+) => {
        $(
            // SAFETY: takes and gives what C's function of that name does.
            #[unsafe(no_mangle)]
            extern "C" fn $name($($argument: $number),+) -> $number {
                libm::$name($($argument),+)
            }
        )+
    };
}

by_libm! {
    atanf(x) -> f32;
    cos(x) -> f64;
    cosf(x) -> f32;
    exp(x) -> f64;
    expf(x) -> f32;
    exp2(x) -> f64;
    exp2f(x) -> f32;
    log(x) -> f64;
    log10(x) -> f64;
    log10f(x) -> f32;
    log2f(x) -> f32;
    pow(x, y) -> f64;
    powf(x, y) -> f32;
    sin(x) -> f64;
    sinf(x) -> f32;
}

/// GNU's extension, by which the compiler replaces a sine and a cosine of the same angle. WASM has none, so this is those two.
// SAFETY: takes and gives what the C function of that name does; its callers hand in places for two numbers.
#[cfg(not(target_arch = "wasm32"))]
#[unsafe(no_mangle)]
extern "C" fn sincosf(x: f32, sine: &mut f32, cosine: &mut f32) {
    (*sine, *cosine) = (libm::sinf(x), libm::cosf(x));
}

/// The same of larger numbers.
// SAFETY: as above.
#[cfg(not(target_arch = "wasm32"))]
#[unsafe(no_mangle)]
extern "C" fn sincos(x: f64, sine: &mut f64, cosine: &mut f64) {
    (*sine, *cosine) = (libm::sin(x), libm::cos(x));
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    /// How often the first function's bits are not the second's.
    fn differ<N: Copy, B: PartialEq>(numbers: &[N], std: impl Fn(N) -> B, libm: impl Fn(N) -> B) -> usize {
        numbers.iter().filter(|x| std(black_box(**x)) != libm(black_box(**x))).count()
    }

    /// With glibc's (2.41) each of them differs: `exp2f` in 8 of these numbers, `log10` in 2,064.
    #[test]
    fn the_functions_of_std_are_those_of_libm_to_the_last_bit() {
        let large: Vec<f64> = (1..20_000).map(|n| f64::from(n) * 0.000_937).collect();
        let small: Vec<f32> = large.iter().map(|x| *x as f32).collect();
        let twice = |sine: f64, cosine: f64| (sine.to_bits(), cosine.to_bits());
        let once = |sine: f32, cosine: f32| (sine.to_bits(), cosine.to_bits());
        let counts = [
            ("sin", differ(&large, |x| x.sin().to_bits(), |x| libm::sin(x).to_bits())),
            ("cos", differ(&large, |x| x.cos().to_bits(), |x| libm::cos(x).to_bits())),
            ("sincos", differ(&large, |x| twice(x.sin(), x.cos()), |x| twice(libm::sin(x), libm::cos(x)))),
            ("exp", differ(&large, |x| x.exp().to_bits(), |x| libm::exp(x).to_bits())),
            ("exp2", differ(&large, |x| x.exp2().to_bits(), |x| libm::exp2(x).to_bits())),
            ("log", differ(&large, |x| x.ln().to_bits(), |x| libm::log(x).to_bits())),
            ("log10", differ(&large, |x| x.log10().to_bits(), |x| libm::log10(x).to_bits())),
            ("pow", differ(&large, |x| x.powf(1.3).to_bits(), |x| libm::pow(x, 1.3).to_bits())),
            ("sinf", differ(&small, |x| x.sin().to_bits(), |x| libm::sinf(x).to_bits())),
            ("cosf", differ(&small, |x| x.cos().to_bits(), |x| libm::cosf(x).to_bits())),
            ("sincosf", differ(&small, |x| once(x.sin(), x.cos()), |x| once(libm::sinf(x), libm::cosf(x)))),
            ("expf", differ(&small, |x| x.exp().to_bits(), |x| libm::expf(x).to_bits())),
            ("exp2f", differ(&small, |x| x.exp2().to_bits(), |x| libm::exp2f(x).to_bits())),
            ("log2f", differ(&small, |x| x.log2().to_bits(), |x| libm::log2f(x).to_bits())),
            ("log10f", differ(&small, |x| x.log10().to_bits(), |x| libm::log10f(x).to_bits())),
            ("powf", differ(&small, |x| x.powf(1.3).to_bits(), |x| libm::powf(x, 1.3).to_bits())),
            ("atanf", differ(&small, |x| x.atan().to_bits(), |x| libm::atanf(x).to_bits())),
        ];
        assert_eq!(counts, counts.map(|(name, _)| (name, 0)), "how often each differs");
    }
}
