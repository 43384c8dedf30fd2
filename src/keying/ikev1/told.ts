// Messages of IKEv1 as events: whole and in clear words, for whoever asked for them.
import type { MessageHeader } from '../../wire/ike/message.ts'
import type { PayloadV1 } from '../../wire/ike/v1-payloads.ts'
import { type KeyingOutput, type Path, report, type World } from '../machine.ts'
import type { Session } from './session.ts'

export function told(
  way: 'sent' | 'received',
  { id }: Pick<Session, 'id'>,
  header: MessageHeader,
  payloads: readonly PayloadV1[],
  path: Path,
  isSealed: boolean,
  { settings }: Pick<World, 'settings'>,
): readonly KeyingOutput[] {
  if (!settings.tellMessages) return []
  const named = id === '' ? {} : { session: id }
  const peer = path.remote.address
  return [report({ kind: 'message-v1', way, ...named, peer, path, header, payloads, isSealed, again: 0 })]
}
