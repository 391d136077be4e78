//! The few vector operations that the kernels need, per instruction set.

#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod plain;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

/// Lanes of the widest registers.
pub(crate) const MOST_LANES: usize = 16;

/// Brings what lies at an address, whatever it is, near to the processor: to the second level of its cache.
#[inline(always)]
pub(crate) fn prefetch<T>(from: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: nothing is read, and any address is allowed.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

/// The same address, as if nothing were known about where it comes from: what is loaded behind it is then addressed by one
/// register and a distance. Intel's processors split a multiplication whose operand is addressed by two registers.
#[cfg_attr(
    target_arch = "x86_64",
    expect(clippy::pointers_in_nomem_asm_block, reason = "there is no instruction to read it")
)]
#[inline(always)]
pub(crate) fn own_register<T>(address: *const T) -> *const T {
    #[cfg(target_arch = "x86_64")]
    {
        let mut own = address;
        // SAFETY: there is no instruction.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) own, options(pure, nomem, nostack, preserves_flags));
        }
        own
    }
    #[cfg(not(target_arch = "x86_64"))]
    address
}

/// A register of [`Vector::LANES`] floats.
///
/// Every method is `unsafe` for one common reason: the caller must run where the instruction set is available, and
/// must be compiled with it enabled so that the methods inline.
pub(crate) trait Vector: Copy {
    /// `f32` or `f64`.
    type Scalar: Copy + From<f32>;
    /// Floats per register.
    const LANES: usize;
    /// Registers that there are.
    const REGISTERS: usize;

    /// All lanes zero.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn zero() -> Self;

    /// All lanes `x`.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn splat(x: Self::Scalar) -> Self;

    /// Reads [`Vector::LANES`] floats at any alignment.
    ///
    /// # Safety
    /// See the trait; `from` must be readable for as many floats.
    unsafe fn load(from: *const Self::Scalar) -> Self;

    /// Reads `n < LANES` floats and sets the other lanes to zero.
    ///
    /// # Safety
    /// See the trait; `from` must be readable for `n` floats.
    unsafe fn load_first(from: *const Self::Scalar, n: usize) -> Self;

    /// Writes [`Vector::LANES`] floats.
    ///
    /// # Safety
    /// See the trait; `to` must be writable for as many floats.
    unsafe fn store(self, to: *mut Self::Scalar);

    /// Writes the first `n < LANES` floats.
    ///
    /// # Safety
    /// See the trait; `to` must be writable for `n` floats.
    unsafe fn store_first(self, to: *mut Self::Scalar, n: usize);

    /// `self + other`.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn add(self, other: Self) -> Self;

    /// `self + a * b`, rounded once where the instruction set can.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;

    /// `x` in the lanes in which `a` is greater than `b`, `y` in the others.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn where_greater(a: Self, b: Self, x: Self, y: Self) -> Self;

    /// 1 in the lanes that are greater than those of `other`, 0 in the others: multiplying by it is exact.
    ///
    /// # Safety
    /// See the trait.
    #[inline(always)]
    unsafe fn exceeds(self, other: Self) -> Self {
        // SAFETY: the caller's word.
        unsafe { Self::where_greater(self, other, Self::splat(1.0.into()), Self::zero()) }
    }

    /// The larger of each pair of lanes; that of `other` where they are equal, or one is not a number.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn max(self, other: Self) -> Self;

    /// The smaller of each pair of lanes; that of `other` where they are equal, or one is not a number.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn min(self, other: Self) -> Self;

    /// The lanes with other signs where `signs` is -0; elsewhere that must be 0.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn flip(self, signs: Self) -> Self;

    /// The lanes that are not less than those of `other`, a bit for each, the first lowest.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn at_least(self, other: Self) -> u32;

    /// The lanes that are greater than zero, a bit for each, the first lowest.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn positive(self) -> u32;

    /// The lanes that are not zero.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn nonzero(self) -> u32;

    /// Writes the lanes of a mask side by side to `found`, and `first` plus the index of each to `keys`.
    ///
    /// # Safety
    /// See the trait; `keys` and `found` must be writable for [`Vector::LANES`] elements.
    unsafe fn compress(self, mask: u32, first: u32, keys: *mut u32, found: *mut Self::Scalar);

    /// Writes the lanes of a mask side by side to `found`, as the integers that they are.
    ///
    /// # Safety
    /// See the trait; `found` must be writable for [`Vector::LANES`] elements.
    unsafe fn compress_integers(self, mask: u32, found: *mut u32);
}

/// Loads register `k` of `WIDTH`.
///
/// # Safety
/// As for [`Vector::load`] and [`Vector::load_first`].
#[inline(always)]
pub(crate) unsafe fn load<V: Vector, const WIDTH: usize, const TAIL: bool>(
    from: *const V::Scalar,
    k: usize,
    tail: usize,
) -> V {
    // SAFETY: the caller's word.
    unsafe {
        if TAIL && k == WIDTH - 1 {
            V::load_first(from.add(k * V::LANES), tail)
        } else {
            V::load(from.add(k * V::LANES))
        }
    }
}

/// Stores register `k` of `WIDTH`.
///
/// # Safety
/// As for [`Vector::store`] and [`Vector::store_first`].
#[inline(always)]
pub(crate) unsafe fn store<V: Vector, const WIDTH: usize, const TAIL: bool>(
    sum: V,
    to: *mut V::Scalar,
    k: usize,
    tail: usize,
) {
    // SAFETY: the caller's word.
    unsafe {
        if TAIL && k == WIDTH - 1 {
            sum.store_first(to.add(k * V::LANES), tail);
        } else {
            sum.store(to.add(k * V::LANES));
        }
    }
}
