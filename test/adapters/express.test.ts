import express from 'express';
import { describeAdapter } from './contract.js';
import { expressFramework } from './expressApp.js';

describeAdapter('Express 5', expressFramework(express));
