// What each action of a connection security rule is among ours, and what of it cannot be said.
import type { Problem } from '../base/result.ts'
import type { FilterAction } from '../policy/model.ts'
import type { RuleAction } from './connection-security-rules.ts'

export interface Meaning {
  readonly action: FilterAction
  readonly acceptUnsecuredInbound: boolean
  readonly fallBackToClear: boolean
  readonly loss?: Omit<Problem, 'where'>
}

export const meanings: Readonly<Record<RuleAction, Meaning>> = {
  'require-in-require-out': { action: 'negotiate', acceptUnsecuredInbound: false, fallBackToClear: false },
  'require-in-request-out': {
    action: 'negotiate',
    acceptUnsecuredInbound: false,
    fallBackToClear: true,
    loss: {
      severity: 'error',
      what: 'Windows falls back to clear for connections that it begins, and refuses clear ones from others; falling back here knows no direction',
      hint: 'RequireInRequireOut is the same on both sides',
    },
  },
  'request-in-request-out': { action: 'negotiate', acceptUnsecuredInbound: true, fallBackToClear: true },
  'require-in-clear-out': {
    action: 'negotiate',
    acceptUnsecuredInbound: false,
    fallBackToClear: false,
    loss: { severity: 'warning', what: 'Windows sends in clear what matches; here it is secured both ways', hint: '' },
  },
  'request-in-clear-out': {
    action: 'negotiate',
    acceptUnsecuredInbound: true,
    fallBackToClear: false,
    loss: { severity: 'warning', what: 'Windows sends in clear what matches; here it is secured both ways', hint: '' },
  },
  'no-authentication': { action: 'permit', acceptUnsecuredInbound: false, fallBackToClear: false },
}
