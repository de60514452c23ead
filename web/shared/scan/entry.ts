/** The whole program of the worker that reads QR codes: loaded when somebody turns the camera on, and by nobody else. */

import { expose } from "comlink";

import { readCode } from "./code.ts";

expose({ readCode });
