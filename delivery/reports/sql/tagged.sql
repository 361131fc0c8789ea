-- Whether the envelope of an event `e`, which is what stands before its data, has each tag in one of its two spellings.
NOT EXISTS (
    SELECT FROM unnest($tag_texts::bytea[], $tag_values::bytea[]) AS t (text, value)
    CROSS JOIN LATERAL (
        SELECT CASE WHEN e.data_at > 0 THEN substring(e.body FOR e.data_at - 1) ELSE coalesce(e.body, '') END AS head
    ) AS h
    WHERE position(t.text IN h.head) = 0 AND position(t.value IN h.head) = 0
)
