//! The error function, by rational approximations in three ranges of |x| (W. J. Cody, Rational Chebyshev
//! approximations for the error function, Mathematics of Computation 23, 1969).

/// Coefficients of numerators and denominators, from the highest power down.
type Ratio<const N: usize> = [[f64; N]; 2];

/// erf x / x in powers of x^2, where |x| <= 0.46875.
const SMALL: Ratio<5> = [
    [
        1.857_777_061_846_031_5e-1,
        3.161_123_743_870_565_6,
        1.138_641_541_510_501_6e2,
        3.774_852_376_853_02e2,
        3.209_377_589_138_469_5e3,
    ],
    [1.0, 2.360_129_095_234_412_1e1, 2.440_246_379_344_441_7e2, 1.282_616_526_077_372_3e3, 2.844_236_833_439_171e3],
];

/// e^x^2 erfc x in powers of x, up to 4.
const MIDDLE: Ratio<9> = [
    [
        2.153_115_354_744_038_5e-8,
        5.641_884_969_886_701e-1,
        8.883_149_794_388_375,
        6.611_919_063_714_163e1,
        2.986_351_381_974_001e2,
        8.819_522_212_417_69e2,
        1.712_047_612_634_070_6e3,
        2.051_078_377_826_071_5e3,
        1.230_339_354_797_997_2e3,
    ],
    [
        1.0,
        1.574_492_611_070_983_5e1,
        1.176_939_508_913_125e2,
        5.371_811_018_620_099e2,
        1.621_389_574_566_690_2e3,
        3.290_799_235_733_459_6e3,
        4.362_619_090_143_247e3,
        3.439_367_674_143_721_6e3,
        1.230_339_354_803_749_4e3,
    ],
];

/// (1 / sqrt(pi) - x e^x^2 erfc x) x^2 in powers of 1 / x^2, beyond 4.
const LARGE: Ratio<6> = [
    [
        1.631_538_713_730_209_8e-2,
        3.053_266_349_612_323_4e-1,
        3.603_448_999_498_044_4e-1,
        1.257_817_261_112_292_5e-1,
        1.608_378_514_874_228e-2,
        6.587_491_615_298_378e-4,
    ],
    [
        1.0,
        2.568_520_192_289_822,
        1.872_952_849_923_460_5,
        5.279_051_029_514_284e-1,
        6.051_834_131_244_132e-2,
        2.335_204_976_268_691_9e-3,
    ],
];

fn ratio<const N: usize>([above, below]: &Ratio<N>, x: f64) -> f64 {
    let polynomial = |coefficients: &[f64; N]| coefficients.iter().fold(0.0, |sum, &c| sum * x + c);
    polynomial(above) / polynomial(below)
}

/// `2 / sqrt(pi)` times the integral of `e^(-t^2)` from 0 to x, within a few units in the last place.
pub(crate) fn erf(x: f64) -> f64 {
    let y = x.abs();
    if y <= 0.468_75 {
        return x * ratio(&SMALL, y * y);
    }
    if y > 6.0 {
        return 1f64.copysign(x);
    }
    let scaled = if y <= 4.0 {
        ratio(&MIDDLE, y)
    } else {
        let square = 1.0 / (y * y);
        (std::f64::consts::FRAC_2_SQRT_PI / 2.0 - square * ratio(&LARGE, square)) / y
    };
    (1.0 - (-y * y).exp() * scaled).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::erf;

    /// `e^(-x^2)` times a series of positive terms: nothing cancels.
    fn by_series(x: f64) -> f64 {
        let (mut sum, mut term) = (0.0, x);
        for n in 0..400 {
            sum += term;
            term *= 2.0 * x * x / f64::from(2 * n + 3);
        }
        std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
    }

    #[test]
    fn all_ranges_agree_with_the_series() {
        for i in -6500..=6500 {
            let x = f64::from(i) / 1000.0;
            assert!((erf(x) - by_series(x)).abs() < 1e-14, "erf {x} is {}, not {}", by_series(x), erf(x));
        }
        assert_eq!(erf(f64::INFINITY), 1.0);
        assert!(erf(f64::NAN).is_nan());
    }
}
