// Clients of both packages fit as they are. Compiled, never run.
import type { Redis } from 'ioredis';
import type { RedisClientType } from 'redis';
import { redisStores } from '../../lib/stores/redis.js';

declare const ioredis: Redis;
declare const redis: RedisClientType;

redisStores(ioredis);
redisStores(redis);
