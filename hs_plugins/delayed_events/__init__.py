"""Events that are scheduled now and sent later, unless somebody cancels them (MSC4140)."""
