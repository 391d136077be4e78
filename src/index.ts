/**
 * firstspike: trained image classifiers as spiking networks.
 *
 * One verb per step: {@link readOnnx} a model, {@link calibrate} it on images, {@link convert} it to a code,
 * {@link SpikingNetwork.run} it or {@link SpikingNetwork.stream} images through it, {@link evaluate} it against the
 * original, {@link SpikingNetwork.save} it and {@link loadNetwork} it again.
 *
 * @packageDocumentation
 */

export type { AmosOptions } from './codes/amos.js';
export type { ActivationStatistics, Calibration, Distribution, LayerStatistics } from './codes/calibration.js';
export type { Role, Window } from './codes/code.js';
export type { FewSpikeOptions } from './codes/few-spike.js';
export type { FitFigures, FitSettings, Histogram, Importance } from './codes/fitting.js';
export type { FunctionName } from './codes/functions.js';
export type { AmosCircuit, FewSpikeGate } from './codes/gate.js';
export type { GateOptions } from './codes/gates.js';
export type { CodeName, CodeOptions } from './codes/index.js';
export type { QuartzOptions } from './codes/quartz.js';
export type { RangeOptions } from './codes/ranges.js';
export type { IfOptions, LifOptions, RateOptions } from './codes/rate.js';
export type { Reach } from './codes/reach.js';
export {
  type AdaptiveLifCurveParameters,
  adaptiveLifCurve,
  type IfCurveParameters,
  ifCurve,
  type LayerOutput,
  type LifCurveParameters,
  layerOutput,
  lifCurve,
  type Response,
  type ResponseCurve,
} from './codes/response.js';
export type { Extent, Geometry } from './codes/topology.js';
export type { TtfsOptions } from './codes/ttfs.js';
export type { TtfsAlphaOptions } from './codes/ttfs-alpha.js';
export { type CalibrateOptions, calibrate } from './convert/calibrate.js';
export { type ConversionRun, type ConvertOptions, convert } from './convert/convert.js';
export { type Batch, type BatchOptions, type Dataset, type DatasetOptions, openDataset } from './data/dataset.js';
export { type NpyArray, type NpyData, readNpy, writeNpy } from './data/npy.js';
export {
  ConvertError,
  DataError,
  type ErrorCode,
  FirstspikeError,
  ImportError,
  LayoutError,
  type Problem,
} from './errors.js';
export {
  type Against,
  type CodeReport,
  type CodeSettings,
  type CompareOptions,
  type Comparison,
  compare,
  type RefusedCode,
} from './evaluate/compare.js';
export { type DiagnoseOptions, diagnose } from './evaluate/diagnose.js';
export type {
  Diagnosis,
  Finding,
  FindingKind,
  LayerDiagnosis,
  LayerError,
  OutputError,
  Remedy,
} from './evaluate/diagnosis.js';
export { energyRatio } from './evaluate/energy.js';
export {
  type BatchReport,
  type EvaluateOptions,
  type Evaluation,
  type EvaluationState,
  evaluate,
  type LabelledBatch,
  type LayerReport,
  type Scores,
} from './evaluate/evaluate.js';
export { allRemedies } from './evaluate/findings.js';
export type { Timing } from './evaluate/latency.js';
export type { Difference } from './evaluate/paired.js';
export type { QuartzOperations } from './evaluate/quartz-operations.js';
export {
  KNOBS,
  type Knob,
  type Spread,
  type Sweep,
  type SweepOptions,
  type SweepPoint,
  sweep,
} from './evaluate/sweep.js';
export { type Trial, type Tuned, type TuneOptions, tune } from './evaluate/tune.js';
export { type TuneCodesOptions, type TunedCodes, tuneCodes } from './evaluate/tune-codes.js';
export { type FitOptions, fitGate, type GateFit } from './fit/fit.js';
export type { FitRun } from './fit/run.js';
export type { Constant, DataType } from './graph/constant.js';
export { describeGraph, type GraphDescription, type NodeDescription } from './graph/describe.js';
export type * from './graph/graph.js';
export { APPROXIMATIONS, type Approximation, type ReadOnnxOptions, readOnnx } from './import/index.js';
export { kernelLevels, kernelVersion } from './kernel.js';
export { activityOf } from './loihi/activity.js';
export { discretiseAmos, type GateChipOptions } from './loihi/amos.js';
export {
  type CompartmentTrace,
  effectiveWeights,
  RULES,
  type Rules,
  type TraceOptions,
  traceCompartment,
} from './loihi/arithmetic.js';
export { type LowerBound, lowerBound } from './loihi/bound.js';
export {
  type AxonCosts,
  type ChipDescription,
  type ChipName,
  type CoreLimits,
  chips,
  type Mesh,
  type SynapseCosts,
} from './loihi/chip.js';
export { CHIP_CODES, type DiscretiseOptions, discretise } from './loihi/discretise.js';
export {
  type Cost,
  type EnergyModel,
  type EnergyModelName,
  energyModels,
  QUARTZ_MEASURED,
  STANDBY,
  type SynapseKind,
} from './loihi/energy.js';
export {
  type Activity,
  type CoreActivity,
  type DynamicEnergy,
  type Estimate,
  estimate,
  type Flow,
  type PartActivity,
} from './loihi/estimate.js';
export { type ChipEvaluation, type EvaluateChipOptions, evaluateChip } from './loihi/evaluate.js';
export { discretiseFewSpike } from './loihi/few-spike.js';
export type {
  CoreLayout,
  CoreUse,
  InputAxons,
  Layout,
  OutputAxons,
  Part,
  Position,
  Span,
  SynapseFormat,
  SynapseMemory,
} from './loihi/layout.js';
export { discretiseLif, type LifChipOptions } from './loihi/lif.js';
export { type ChipMap, type MapOptions, mapToLoihi } from './loihi/map.js';
export { type ChipReport, type MeasureOptions, measureOnLoihi } from './loihi/measure.js';
export type * from './loihi/network.js';
export type { Pause } from './loihi/pause.js';
export type { TrafficCost } from './loihi/place.js';
export {
  type ChipEncoder,
  type ChipProgram,
  type ChipReader,
  encodeImages,
  type LayerLoss,
  labelsOf,
  type SpikeTimes,
  scores,
} from './loihi/program.js';
export { discretiseQuartz, type FirstSpikeChipOptions } from './loihi/quartz.js';
export { discretiseIf, type RateChipOptions } from './loihi/rate.js';
export {
  type ChipInput,
  ChipSimulator,
  firstCompartments,
  type GroupCounts,
  type SimulateOptions,
  type Simulation,
  simulateChip,
} from './loihi/simulate.js';
export { discretiseTtfs } from './loihi/ttfs.js';
export type { LayerUse } from './loihi/uses.js';
export { type Violation, verify as verifyLayout, violations as layoutViolations } from './loihi/verify.js';
export { type CoreMapCore, type CoreMapData, coreMapSvg } from './report/core-map.js';
export {
  type CurveColumn,
  type CurveData,
  type CurvePlot,
  type CurvePoint,
  type CurveSeries,
  curveSvg,
} from './report/curve.js';
export { type RasterData, type RasterLayer, rasterSvg } from './report/raster.js';
export {
  addCounters,
  type Counters,
  type EarlyExits,
  type LayerCounters,
  spikesPerNeuron,
  total,
} from './simulate/counters.js';
export type { Disturbance } from './simulate/disturbance.js';
export type { ImageSource, Images } from './simulate/images.js';
export type {
  Engine,
  Layer,
  LayerDifference,
  LayerSpikes,
  Moments,
  Precision,
  RunOptions,
  RunResult,
} from './simulate/run.js';
export { Sequence } from './simulate/sequence.js';
export { loadNetwork, SpikingNetwork } from './simulate/spiking-network.js';
export type { StreamOptions, StreamResult } from './simulate/stream.js';
export type { TensorData, TensorLike } from './tensor.js';
