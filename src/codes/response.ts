/**
 * Response curves: how often a neuron spikes at a constant input current, and how the rate changes with the current.
 * Hard curves are those of the neurons; soft ones have a bounded derivative, for training. Hunsberger and Eliasmith,
 * arXiv 1611.05141.
 *
 * All curves rectify what the current u is above the threshold: `rho(u) = max(u, 0)`, or, with a softness gamma,
 * `rho(u) = gamma ln(1 + e^(u / gamma))`.
 */

/** Firing rate as a function of the input current. Rates are in Hz, currents in units of the threshold. */
export interface ResponseCurve {
  /** Rate at a constant current. */
  rate(current: number): number;
  /** Derivative of the rate. */
  slope(current: number): number;
  /** The current at which the rate is reached, for a positive rate below the highest there is. */
  current(rate: number): number;
}

/** `max(u, 0)`, soft or hard: its value, its derivative and its inverse. */
interface Rectifier {
  value(u: number): number;
  /** The derivative where the rectifier has a positive value: by the value, which keeps its digits near 0 as u does not. */
  slope(value: number): number;
  inverse(value: number): number;
}

const HARD: Rectifier = {
  value: (u) => Math.max(u, 0),
  slope: () => 1,
  inverse: (value) => value,
};

function rectifier(gamma: number): Rectifier {
  if (gamma === 0) return HARD;
  return {
    // Beyond 40 gamma the logarithm is u to the last digit, and the exponential does not overflow.
    value: (u) => (u > 40 * gamma ? u : gamma * Math.log1p(Math.exp(u / gamma))),
    slope: (value) => -Math.expm1(-value / gamma),
    inverse: (value) => (value > 40 * gamma ? value : gamma * Math.log(Math.expm1(value / gamma))),
  };
}

/** Parameters of {@link ifCurve}. */
export interface IfCurveParameters {
  /** gamma, in units of the threshold; 0, a hard curve, if absent. */
  readonly softness?: number;
  /** Rate at a current of 1, in Hz. 1 if absent. */
  readonly rate?: number;
}

/** Integrate-and-fire: `r(j) = rate rho(j)`. */
export function ifCurve({ softness = 0, rate: unit = 1 }: IfCurveParameters = {}): ResponseCurve {
  const rho = rectifier(softness);
  return {
    rate: (current) => unit * rho.value(current),
    slope: (current) => {
      const value = rho.value(current);
      return value > 0 ? unit * rho.slope(value) : 0;
    },
    current: (rate) => rho.inverse(rate / unit),
  };
}

/** Parameters of {@link lifCurve}; times in seconds. */
export interface LifCurveParameters {
  /** Membrane time constant. */
  readonly tauRc: number;
  /** Refractory time. */
  readonly tauRef: number;
  /** gamma, in units of the threshold; 0, a hard curve, if absent. */
  readonly softness?: number;
}

/** Leaky integrate-and-fire: `r(j) = 1 / (tau_ref + tau_rc ln(1 + 1 / rho(j - 1)))`. */
export function lifCurve(parameters: LifCurveParameters): ResponseCurve {
  const { rectify, rate, excess, slope } = leaky(parameters);
  return {
    rate: (current) => rate(rectify.value(current - 1)),
    slope: (current) => slope(rectify.value(current - 1)),
    current: (rate) => 1 + rectify.inverse(excess(rate)),
  };
}

/** A leaky neuron as a function of its excess, the rectified current above the threshold, and back. */
function leaky({ tauRc, tauRef, softness = 0 }: LifCurveParameters) {
  const rectify = rectifier(softness);
  const rate = (excess: number) => 1 / (tauRef + tauRc * Math.log1p(1 / excess));
  return {
    rectify,
    rate,
    excess: (rate: number) => 1 / Math.expm1(Math.max(1 / rate - tauRef, 0) / tauRc),
    /** Derivative of the rate with respect to the current. */
    slope: (excess: number) =>
      excess > 0 ? ((rectify.slope(excess) / excess) * tauRc * rate(excess) ** 2) / (excess + 1) : 0,
  };
}

/** Parameters of {@link adaptiveLifCurve}. */
export interface AdaptiveLifCurveParameters extends LifCurveParameters {
  /** How much each Hz takes from the current: the adaptation per spike times its time constant. */
  readonly adaptation: number;
}

/**
 * Leaky integrate-and-fire with a current that each spike adds and that fades, in equilibrium: the rate r at which
 * `r = lif(j - adaptation r)`.
 */
export function adaptiveLifCurve({ adaptation, ...parameters }: AdaptiveLifCurveParameters): ResponseCurve {
  const lif = lifCurve(parameters);
  const { excess, slope } = leaky(parameters);
  const rate = (current: number) => {
    // The rate lies between those with no adaptation and with that of the former; halving ends at the last digit.
    let high = lif.rate(current);
    let low = Math.min(lif.rate(current - adaptation * high), high);
    for (;;) {
      const middle = (low + high) / 2;
      if (!(middle > low && middle < high)) return middle;
      if (middle > lif.rate(current - adaptation * middle)) high = middle;
      else low = middle;
    }
  };
  return {
    rate,
    slope: (current) => {
      // By the rate: where adaptation takes nearly all of the excess, what is left of the current has no digits.
      return 1 / (1 / slope(excess(rate(current))) + adaptation);
    },
    current: (rate) => lif.current(rate) + adaptation * rate,
  };
}

/** How a layer's output follows from its input: `amplitude r(gain x + bias)`. */
export interface Response {
  readonly gain: number;
  readonly bias: number;
  readonly amplitude: number;
}

/** Output of a layer of neurons as a function of their input. */
export interface LayerOutput {
  /** Output for an input. */
  value(x: number): number;
  /** Derivative of the output. */
  slope(x: number): number;
}

/** Output of a layer of neurons with a response curve, and its derivative. */
export function layerOutput(curve: ResponseCurve, { gain, bias, amplitude }: Response): LayerOutput {
  return {
    value: (x) => amplitude * curve.rate(gain * x + bias),
    slope: (x) => amplitude * gain * curve.slope(gain * x + bias),
  };
}
