// Why a packet is not let through: a closed set. Every drop is counted under one of these and told with it.

export const dropReasons = {
  malformed: 'its headers cannot be read',
  blocked: 'the policy blocks it',
  'should-be-protected': 'it came in clear, and the policy wants it sealed',
  'no-association': 'no association has its SPI',
  replayed: 'its sequence number was seen before, or is too old',
  'not-authentic': 'its ICV is wrong',
  'bad-padding': 'its padding is not as the sender must write it',
  'bad-inner-packet': 'what it sealed is no packet that can be read',
  'outside-selectors': 'what it sealed does not belong to its association',
  expired: 'its association has ended',
  exhausted: 'its association has used all its sequence numbers',
  dummy: 'it is a dummy packet, sent to hide when there is traffic',
  'too-big': 'it is larger than the path carries, and must not be cut',
  'waiting-full': 'too many packets wait for an association',
  'not-sent': 'the system did not take it',
  refused: 'no association could be agreed on',
  fragment: 'a fragment of it is missing, overlapping or too much',
  jumbogram: 'jumbograms cannot be sealed here',
  'cannot-be-covered': 'its headers hold something that AH cannot cover',
} as const satisfies Record<string, string>

export type DropReason = keyof typeof dropReasons
