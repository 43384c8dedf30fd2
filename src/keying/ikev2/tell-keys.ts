// Keys of an IKE SA as an event, for those who decrypt captures: only where a test or a demonstration asks for it.

import { Secret } from '../../base/secret.ts'
import type { IkeKeys, IkeSideKeys, SecretOctets } from '../../crypto/ike-keys.ts'
import { type KeyingOutput, report, type World } from '../machine.ts'
import type { Secured, Session } from './session.ts'

/** Copies: the session wipes its own. */
export function keysTold({ id, spis, path }: Session, { suite, keys }: Secured, world: World): readonly KeyingOutput[] {
  if (!world.settings.tellKeys) return []
  const { initiator: initiatorSpi, responder: responderSpi } = spis
  const told = new Secret(copyOf(keys))
  return [
    report({ kind: 'keys', session: id, peer: path.remote.address, initiatorSpi, responderSpi, suite, keys: told }),
  ]
}

function copyOf({ derivation, initiator, responder }: IkeKeys): IkeKeys {
  const octets = (secret: SecretOctets) => new Secret(secret.reveal().slice())
  const side = ({ cipher, integrity, authentication }: IkeSideKeys) => ({
    cipher: octets(cipher),
    integrity: octets(integrity),
    authentication: octets(authentication),
  })
  return { derivation: octets(derivation), initiator: side(initiator), responder: side(responder) }
}
