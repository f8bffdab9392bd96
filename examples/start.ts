import { createApp } from './express-server-v2.js';
import { run } from './support/run.js';

await run(createApp);
