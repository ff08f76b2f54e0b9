"""What must hold for orders, intents, attempts, captures and calls: each as the query that finds what breaks it."""

from typing import Final

from payments.kernel.invariants import declare

ATTEMPTS: Final = "SELECT count(*) FROM payments_paymentattempt"
CAPTURES: Final = "SELECT count(*) FROM payments_capture"
INTENTS: Final = "SELECT count(*) FROM payments_paymentintent"
ORDERS: Final = "SELECT count(*) FROM payments_order"

declare(
    1,
    "attempt_one_success",
    "No attempt has taken more than it was authorised for",
    """SELECT a.id::text, 'captured ' || sum(c.amount_minor) || ' of ' || a.amount_minor
         FROM payments_paymentattempt a JOIN payments_capture c ON c.attempt_id = a.id AND c.status = 'succeeded'
        GROUP BY a.id HAVING sum(c.amount_minor) > greatest(a.amount_minor, a.accepted_minor)""",
    ATTEMPTS,
)
declare(
    2,
    "attempt_has_call",
    "Every attempt that was sent has its call on record, with key and body hash",
    """SELECT a.id::text, a.status FROM payments_paymentattempt a
         LEFT JOIN payments_providercall c ON 'call_' || replace(c.id::text, '-', '') = a.call_id
        WHERE a.status <> 'ready' AND (c.id IS NULL OR length(c.body_hash) <> 64)""",
    ATTEMPTS,
)
declare(
    3,
    "unknown_is_looked_after",
    "Every outcome that is not known is asked for again, or a person has it",
    """SELECT a.id::text, a.status FROM payments_paymentattempt a
        WHERE a.status IN ('sent', 'unknown', 'action_required', 'pending')
          AND NOT EXISTS (SELECT 1 FROM payments_providercall c WHERE c.look_at IS NOT NULL
                             AND c.owner_id = 'att_' || replace(a.id::text, '-', ''))
          AND NOT EXISTS (SELECT 1 FROM payments_attentionitem i WHERE i.closed_at IS NULL
                             AND i.object_id = 'att_' || replace(a.id::text, '-', ''))""",
    "SELECT count(*) FROM payments_paymentattempt WHERE status IN ('sent', 'unknown', 'action_required', 'pending')",
)
declare(
    4,
    "one_order_one_payment",
    "No order has more money alive and taken than its total",
    """SELECT o.id::text, 'alive ' || sum(a.amount_minor) || ', paid ' || o.amount_paid_minor
               || ', back ' || o.amount_refunded_minor || ' of ' || o.amount_total_minor
         FROM payments_order o JOIN payments_paymentattempt a
           ON a.order_id = 'ord_' || replace(o.id::text, '-', '') AND a.superseded_at IS NULL
          AND a.status IN ('ready', 'sent', 'action_required', 'pending', 'unknown', 'authorized')
        GROUP BY o.id
       HAVING sum(a.amount_minor) + o.amount_paid_minor - o.amount_refunded_minor > o.amount_total_minor""",
    ORDERS,
)
declare(
    5,
    "intent_captured",
    "What an intent has captured is the sum of its captures",
    """SELECT i.id::text, i.amount_captured_minor || ' but captures of ' || coalesce(sum(c.amount_minor), 0)
         FROM payments_paymentintent i LEFT JOIN payments_capture c ON c.intent_id = i.id AND c.status = 'succeeded'
        GROUP BY i.id HAVING i.amount_captured_minor <> coalesce(sum(c.amount_minor), 0)""",
    INTENTS,
)
declare(
    5,
    "order_money",
    "What an order was paid and refunded is the sum of its intents",
    """SELECT o.id::text, o.amount_paid_minor || ' paid, ' || o.amount_refunded_minor || ' refunded; intents: '
               || coalesce(sum(i.amount_captured_minor), 0) || ', ' || coalesce(sum(i.amount_refunded_minor), 0)
         FROM payments_order o LEFT JOIN payments_paymentintent i ON i.order_id = o.id
        GROUP BY o.id HAVING o.amount_paid_minor <> coalesce(sum(i.amount_captured_minor), 0)
                          OR o.amount_refunded_minor <> coalesce(sum(i.amount_refunded_minor), 0)""",
    ORDERS,
)
declare(
    10,
    "capture_posted",
    "Every capture that succeeded has one posting of its amount, and every posting its capture",
    """SELECT coalesce(c.id::text, t.source_id), coalesce(c.status, 'nothing') || ', posted ' || coalesce(t.amount, 0)
         FROM payments_capture c
         FULL JOIN (SELECT t.source_id, sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0) AS amount
                      FROM payments_transfer t JOIN payments_entry e ON e.transfer_id = t.id
                     WHERE t.event = 'captured' GROUP BY t.source_id) t
           ON t.source_id = 'cap_' || replace(c.id::text, '-', '')
        WHERE c.id IS NULL OR (c.status IN ('succeeded', 'reversed')) <> (t.source_id IS NOT NULL)
           OR (t.source_id IS NOT NULL AND t.amount <> c.amount_minor)""",
    CAPTURES,
)
declare(
    13,
    "capture_owned",
    "Every capture whose outcome is open has a call that is looked after, or a person",
    """SELECT c.id::text, c.status FROM payments_capture c
        WHERE c.status IN ('sent', 'unknown', 'pending')
          AND NOT EXISTS (SELECT 1 FROM payments_providercall p WHERE p.look_at IS NOT NULL
                             AND p.owner_id = 'cap_' || replace(c.id::text, '-', ''))
          AND NOT EXISTS (SELECT 1 FROM payments_attentionitem i WHERE i.closed_at IS NULL
                             AND i.object_id IN ('cap_' || replace(c.id::text, '-', ''),
                                                 'att_' || replace(c.attempt_id::text, '-', '')))""",
    CAPTURES,
)
declare(
    13,
    "cancel_owned",
    "Every reservation that nobody wants any more is being canceled, or a person has it",
    """SELECT a.id::text, a.status || ' of an intent that is ' || i.status
         FROM payments_paymentattempt a JOIN payments_paymentintent i ON i.id = a.intent_id
        WHERE a.status = 'authorized'
          AND (i.cancel_reason <> '' OR i.latest_attempt_id <> 'att_' || replace(a.id::text, '-', ''))
          AND NOT EXISTS (SELECT 1 FROM payments_job j WHERE j.name = 'cancel_attempt'
                             AND j.arguments ->> 'attempt_id' = 'att_' || replace(a.id::text, '-', ''))
          AND NOT EXISTS (SELECT 1 FROM payments_providercall p WHERE p.look_at IS NOT NULL AND p.kind = 'cancel'
                             AND p.owner_id = 'att_' || replace(a.id::text, '-', ''))
          AND NOT EXISTS (SELECT 1 FROM payments_attentionitem n WHERE n.closed_at IS NULL
                             AND n.object_id = 'att_' || replace(a.id::text, '-', ''))""",
    "SELECT count(*) FROM payments_paymentattempt WHERE status = 'authorized'",
)
declare(
    13,
    "intent_owned",
    "Every intent in progress has an attempt in progress",
    """SELECT i.id::text, i.status || ', attempt ' || coalesce(a.status, 'missing')
         FROM payments_paymentintent i LEFT JOIN payments_paymentattempt a
           ON 'att_' || replace(a.id::text, '-', '') = i.latest_attempt_id
        WHERE (i.status = 'processing' AND i.cancel_reason = ''
               AND coalesce(a.status, '') NOT IN ('ready', 'sent', 'pending', 'unknown'))
           OR (i.status = 'requires_action' AND coalesce(a.status, '') <> 'action_required')
           OR (i.status = 'requires_capture' AND coalesce(a.status, '') <> 'authorized')""",
    INTENTS,
)
declare(
    14,
    "events_without_gaps",
    "The events of every object are numbered from one without gaps",
    """SELECT object_id, count(*) || ' events up to number ' || max(sequence) FROM payments_event
        GROUP BY object_id HAVING count(*) <> max(sequence) OR min(sequence) <> 1""",
    "SELECT count(*) FROM payments_event",
)
declare(
    15,
    "settlement_maker_checker",
    "No proposal was confirmed by who had made it, and no more was accepted than two people have confirmed",
    """SELECT s.id::text, s.action || ' by ' || s.decided_by FROM payments_settlement s
        WHERE s.decision = 'confirmed' AND s.decided_by = s.proposed_by
       UNION ALL
       SELECT a.id::text, 'accepted ' || a.accepted_minor FROM payments_paymentattempt a
        WHERE a.accepted_minor IS NOT NULL
          AND NOT EXISTS (SELECT FROM payments_attentionitem i JOIN payments_settlement s ON s.item_id = i.id
                           WHERE i.object_id = 'att_' || replace(a.id::text, '-', '')
                             AND i.amount_minor = a.accepted_minor AND s.decision = 'confirmed')""",
    "SELECT count(*) FROM payments_settlement",
)
declare(
    16,
    "no_secret_in_rows",
    "No key or signing secret stands in what was recorded",
    """SELECT id::text, 'a secret in the answer of a call' FROM payments_providercall
        WHERE raw::text ~ '(sk|rk)_(live|test)_[A-Za-z0-9]{8}|whsec_[A-Za-z0-9+/]{8}'
       UNION ALL
       SELECT id::text, 'a secret in an event' FROM payments_event
        WHERE data::text ~ '(sk|rk)_(live|test)_[A-Za-z0-9]{8}|whsec_[A-Za-z0-9+/]{8}'
       UNION ALL
       SELECT id::text, 'a secret in a stored answer' FROM payments_idempotencykey
        WHERE encode(body, 'escape') ~ '(sk|rk)_(live|test)_[A-Za-z0-9]{8}|whsec_[A-Za-z0-9+/]{8}'""",
    "SELECT (SELECT count(*) FROM payments_providercall) + (SELECT count(*) FROM payments_event)"
    " + (SELECT count(*) FROM payments_idempotencykey)",
)
