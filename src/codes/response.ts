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

/** `max(u, 0)`, soft or hard: its value, its logarithmic derivative and its inverse. */
interface Rectifier {
  value(u: number): number;
  /** The derivative over the value; only asked for where the value is positive. */
  relativeSlope(u: number): number;
  inverse(value: number): number;
}

const HARD: Rectifier = {
  value: (u) => Math.max(u, 0),
  relativeSlope: (u) => 1 / u,
  inverse: (value) => value,
};

function rectifier(gamma: number): Rectifier {
  if (gamma === 0) return HARD;
  // Beyond 40 gamma the logarithm is u to the last digit, and below -40 gamma the exponential is; neither overflows.
  const value = (u: number) => (u > 40 * gamma ? u : gamma * Math.log1p(Math.exp(u / gamma)));
  return {
    value,
    relativeSlope: (u) => 1 / (u < -40 * gamma ? gamma : (1 + Math.exp(-u / gamma)) * value(u)),
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
      return value > 0 ? unit * value * rho.relativeSlope(current) : 0;
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
export function lifCurve({ tauRc, tauRef, softness = 0 }: LifCurveParameters): ResponseCurve {
  const rho = rectifier(softness);
  const period = (u: number) => tauRef + tauRc * Math.log1p(1 / u);
  return {
    rate: (current) => 1 / period(rho.value(current - 1)),
    slope: (current) => {
      const u = rho.value(current - 1);
      return u > 0 ? (tauRc * rho.relativeSlope(current - 1)) / (period(u) ** 2 * (u + 1)) : 0;
    },
    current: (rate) => 1 + rho.inverse(1 / Math.expm1((1 / rate - tauRef) / tauRc)),
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
      const slope = lif.slope(current - adaptation * rate(current));
      return slope / (1 + adaptation * slope);
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
