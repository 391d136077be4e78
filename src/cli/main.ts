#!/usr/bin/env node
/** The command line: `firstspike COMMAND`. */

import { createProgram } from './program.js';

process.exitCode = await createProgram().run(process.argv.slice(2));
