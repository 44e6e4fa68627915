import { workerData } from 'node:worker_threads';
import { openThreadChannel } from '../../engine/workers/serve-calls.js';
import { type PredictorTask, servePredictor } from './serve-predictor.js';

/* The thread of one predictor. */

servePredictor(openThreadChannel(), workerData as PredictorTask);
