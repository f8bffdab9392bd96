import Koa from 'koa';
import { describeAdapter } from './contract.js';
import { koaFramework } from './koaApp.js';

describeAdapter('Koa 3', koaFramework(Koa));
