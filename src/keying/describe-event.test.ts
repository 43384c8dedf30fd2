// What people read of keying.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../base/address.ts'
import { describeEvent } from './describe-event.ts'
import type { KeyingEvent } from './machine.ts'

const end = (text: string, port: number) => ({ address: parseAddress(text)!, port })
const path = { local: end('fd54::1', 500), remote: end('fd54::2', 4500) }
const session = '0123456789abcdef'
const by = 'fedcba9876543210'

const told: readonly (readonly [event: KeyingEvent, words: string])[] = [
  [
    {
      ...{ kind: 'session-established', session, role: 'initiator', offer: 'aes256gcm16-prfsha384-ecp384' },
      ...{ ownName: 'CN=one', peerName: 'CN=two', warnings: ['its certificate ends soon'] },
    },
    'IKE SA established as initiator: CN=one with CN=two, aes256gcm16-prfsha384-ecp384; its certificate ends soon',
  ],
  [{ kind: 'session-rekeyed', session, by, offer: 'x' }, 'IKE SA 01234567 is renewed: fedcba98, x'],
  [{ kind: 'session-closed', session, why: 'so' }, 'IKE SA 01234567 is closed: so'],
  [{ kind: 'session-failed', what: 'nobody answers' }, 'no IKE SA: nobody answers'],
  [
    { kind: 'child-established', name: 0x100, peerSpi: 0x200, rule: 'all', security: 'esp-null', mode: 'tunnel' },
    'keys for packets of rule “all”: esp-null, tunnel mode, SPIs in 0x00000100, out 0x00000200',
  ],
  [
    {
      ...{ kind: 'child-established', name: 0x300, peerSpi: 0x400, rule: 'all', security: 'x', mode: 'transport' },
      replaces: 0x100,
    },
    'keys for packets are renewed: SPIs in 0x00000300, out 0x00000400, in place of 0x00000100',
  ],
  [{ kind: 'child-closed', name: 0x100, why: 'it is replaced' }, 'keys of SPI 0x00000100 are gone: it is replaced'],
  [{ kind: 'child-failed', what: 'no rule fits' }, 'no keys for packets: no rule fits'],
  [{ kind: 'ignored', path, what: 'it is cut off' }, 'a datagram from [fd54::2]:4500 leads nowhere: it is cut off'],
]

for (const [event, words] of told) test(words, () => assert.equal(describeEvent(event), words))
