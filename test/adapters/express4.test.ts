import express from 'express4';
import { describeAdapter } from './contract.js';
import { expressFramework } from './expressApp.js';

describeAdapter('Express 4', expressFramework(express));
