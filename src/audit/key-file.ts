// A file of keys in whichever form it is: Wireshark's `esp_sa`, or the output of `ip xfrm state`.
import { readEspTable } from './esp-table.ts'
import { type KeysRead, keyProblem } from './known-key.ts'
import { readXfrmState } from './xfrm-state.ts'

export interface KeyText {
  readonly where: string
  readonly text: string
}

export function readKeyText({ where, text }: KeyText): KeysRead {
  if (/^\s+proto (esp|ah) spi 0x/m.test(text)) return readXfrmState(text, where)
  if (/^\s*"IPv[46]",/im.test(text)) return readEspTable(text, where)
  const isOfIke = /^[0-9a-f]{16},[0-9a-f]{16},/im.test(text)
  const what = isOfIke ? 'these are keys of IKE, not of packets' : 'no keys in a form that is known'
  const hint = "give Wireshark's table esp_sa, or the output of ip xfrm state"
  return { keys: [], problems: [keyProblem('error', where, what, hint)] }
}
