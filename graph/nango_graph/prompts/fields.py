"""What the model is told about each field of a submission: the descriptions in its JSON Schema."""

TOOL = "Submit the plan, or a question, an answer, a search for tools, the integration that is missing, or the account to use."

STEP_ID = "New in this conversation: s1, s2, ..."
STEP_TOOL = "integration/tool, as listed."
ARGUMENTS = "The tool's arguments. Values may refer to outputs of earlier steps: ${s1.items[0].id}."
PURPOSE = "Why, in a few words."
FOR_EACH = "Run once for each item of this list: ${s1.items}; ${item.id} is a field of the item."
WHEN = "Run only if this holds: ${length(s1.issues) > `0`}. Null, false, empty texts, lists and objects don't."
AFTER = "Ids of steps to wait for although no data comes from them."
INDEPENDENT = "Of a write: true if it may run beside other writes, in any order."
SELECT = "JMESPath, without ${}, over this step's own output: what of it you and the user need to see. References see the whole."

TEXT = "The question, the answer, or the words to search tools by."
ACCOUNT = "Key of one of the <accounts>; empty lets the user choose."
PLAN_AGAIN = "Of a plan: true if what comes after it can only be planned once its results are seen."
