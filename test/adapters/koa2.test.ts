import Koa from 'koa2';
import { describeAdapter } from './contract.js';
import { koaFramework } from './koaApp.js';

describeAdapter('Koa 2', koaFramework(Koa));
