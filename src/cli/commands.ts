// The table of commands, in the order in which help shows them.
import type { CommandSpec } from './command.ts'
import { audit } from './commands/audit.ts'
import { compare } from './commands/compare.ts'
import { explain } from './commands/explain.ts'
import { prove } from './commands/prove.ts'

export const commands: readonly CommandSpec[] = [audit, explain, prove, compare]
