// What the page on auditLog shows first.
/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment -- winston declares its transports as interfaces */
// #region logger
import { createLogger, format, transports } from 'winston';
import { auditLog } from '../../lib/index.js';

const logger = createLogger({ format: format.json(), transports: [new transports.Console()] });
export const log = auditLog({ sink: logger });
// #endregion
