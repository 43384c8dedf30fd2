// The table of commands, in the order in which help shows them.
import type { CommandSpec } from './command.ts'
import { audit } from './commands/audit.ts'
import { certCa } from './commands/cert-ca.ts'
import { certRequest } from './commands/cert-request.ts'
import { certShow } from './commands/cert-show.ts'
import { certSign } from './commands/cert-sign.ts'
import { compare } from './commands/compare.ts'
import { completion } from './commands/completion.ts'
import { demo } from './commands/demo.ts'
import { explain } from './commands/explain.ts'
import { policyCheck } from './commands/policy-check.ts'
import { policyLint } from './commands/policy-lint.ts'
import { policyPair } from './commands/policy-pair.ts'
import { policyShow } from './commands/policy-show.ts'
import { prove } from './commands/prove.ts'

export const commands: readonly CommandSpec[] = [
  demo,
  audit,
  explain,
  prove,
  compare,
  policyCheck,
  policyShow,
  policyLint,
  policyPair,
  certCa,
  certRequest,
  certSign,
  certShow,
  completion(() => commands),
]
