import { ownText } from '../../memo.js';

/** Parts of the names of secrets. */
const PARTS =
  'passw(?:or)?d|pass[_-]?phrase|pass[_-]?code|secret|token|authorization|cookie|credentials?|bearer|jwt|dpop|signature' +
  '|(?:api|access|private|secret|account|signing|encryption)[_-]?key|session[_-]?id|cvv|cvc|connection[_-]?string' +
  '|code[_-]?verifier|client[_-]?assertion';
/** Their ends. What is in front of `pass` tells it from compass and bypass. */
const ENDS = 'otp|pwd|ssn|session|(?:admin|db|ftp|key|login|mail|root|smtp|store|user)pass';
/** Their last words. Within other words they mean nothing: compass, spin, inside, design. */
const LAST_WORDS = ['pass', 'pin', 'sid', 'sig'];

/** How a name ends that may be that of a secret, in whatever case. */
export const SECRET_ENDS: string = [PARTS, ENDS, 'auth', ...LAST_WORDS].join('|');

const OF_MEMBER = new RegExp(`${PARTS}|(?:${ENDS})$|^auth$`);
/** In a text the end of a name must say it: `token_type=...` is code and prose more often than a secret. */
const OF_TEXT = new RegExp(`(?:${PARTS}|${ENDS})$|^auth$`);
/** Under these a number or a flag is a secret too. A number of tokens is none, nor is one of tests that `pass`. */
const OF_NUMBER = /passw(?:or)?d|passphrase|passcode|secret|cvv|cvc|(?:otp|pwd|ssn)$|(?:.pass|pin)\d*$/;

const LAST_WORD = /([A-Z]?[a-z]+|[A-Z]+)[\d_-]{0,4}$/;
const LONGEST_LAST = 24;
const COUNT = /^(?:\d+|true|false)[)\]}]*$/;
/** How much of a name is looked at, half of it from each end. */
const MOST = 256;
/** How many names are remembered, which most requests have in common, and up to which length. */
const MOST_KNOWN = 2000;
const LONGEST_KNOWN = 64;

/** Whether what has a name is a secret: a member, one that holds a number or a flag, or what a text puts behind it. */
interface Verdict {
  readonly member: boolean;
  readonly number: boolean;
  readonly text: boolean;
}

const known = new Map<string, Verdict>();

/** Whether what a member of that name holds is a secret. */
export function isSecretName(name: string, value: unknown): boolean {
  const { member, number } = verdictOf(name);
  return typeof value === 'number' || typeof value === 'boolean' ? number : member;
}

/** Whether what a text puts behind that name is a secret. */
export function isSecretInText(name: string): boolean {
  return verdictOf(name).text;
}

/** Whether a name and a value in a text are a count or a verdict, as of tests that pass. */
export function isCount(name: string, value: string): boolean {
  return COUNT.test(value) && /^pass$/i.test(name);
}

function verdictOf(name: string): Verdict {
  const found = known.get(name);
  if (found !== undefined) return found;
  const verdict = judge(name.length > MOST ? name.slice(0, MOST / 2) + name.slice(-MOST / 2) : name);
  if (known.size < MOST_KNOWN && name.length <= LONGEST_KNOWN) known.set(ownText(name), verdict);
  return verdict;
}

function judge(name: string): Verdict {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  const [, word = ''] = LAST_WORD.exec(name.slice(-LONGEST_LAST)) ?? [];
  const endsInWord = LAST_WORDS.includes(word.toLowerCase());
  const member = endsInWord || OF_MEMBER.test(plain);
  return { member, number: member && OF_NUMBER.test(plain), text: endsInWord || OF_TEXT.test(plain) };
}
